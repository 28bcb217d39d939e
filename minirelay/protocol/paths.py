"""Where a relay's endpoints are, below its base URL (spec 01, 05, 08)."""

from typing import Final

INFO_PATH: Final = "/"
SESSIONS_PATH: Final = "/v4/sessions"
ENROLMENT_PATH: Final = "/v4/enroll_key_card"
UPLOAD_PATH: Final = "/v4/upload_blob"
BLOBS_PATH: Final = "/ipfs/"
"""Followed by a CID."""
HEALTH_PATH: Final = "/health"
READY_PATH: Final = "/ready"
DISCOVERY_PATH: Final = "/testing/discovery"
"""Only under development."""
