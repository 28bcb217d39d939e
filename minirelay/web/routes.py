"""The endpoints, one record each (spec 08): all that has to be known of one beside what it does."""

from dataclasses import dataclass
from typing import Final, Literal

from minirelay.protocol.paths import (
    BLOBS_PATH,
    DISCOVERY_PATH,
    ENROLMENT_PATH,
    HEALTH_PATH,
    INFO_PATH,
    READY_PATH,
    SESSIONS_PATH,
    UPLOAD_PATH,
)

MAX_BODY_BYTES: Final = 16 * 1024
"""A sign-in message has a few hundred bytes."""


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint. GET answers HEAD, too.

    handler_name: what clients know it by, in the JSON of its answers; None for those that they don't.
    max_body_bytes: of what a request brings.
    """

    path: str
    method: Literal["GET", "POST"] = "GET"
    handler_name: str | None = None
    max_body_bytes: int = 0


SESSIONS: Final = Route(SESSIONS_PATH)
ENROLMENT: Final = Route(ENROLMENT_PATH, "POST", "enrollKeyCard", max_body_bytes=MAX_BODY_BYTES)
UPLOAD: Final = Route(UPLOAD_PATH, "POST", "getBlobUpload")
BLOB: Final = Route(BLOBS_PATH + "{cid}")
HEALTH: Final = Route(HEALTH_PATH)
READY: Final = Route(READY_PATH)
INFO: Final = Route(INFO_PATH)
DISCOVERY: Final = Route(DISCOVERY_PATH)

ROUTES: Final = {
    route.path: route for route in (SESSIONS, ENROLMENT, UPLOAD, BLOB, HEALTH, READY, INFO, DISCOVERY)
}
