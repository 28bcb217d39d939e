"""The application that answers the operator (spec 09 "The operator's listener")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from minirelay.web.admin.errors import answer_errors
from minirelay.web.admin.gate import Gate

MAX_BODY_BYTES: Final = 64 * 1024


class AdminApi(Protocol):
    """What the operator can ask about one concern. A new one is one more file, entered in the composition."""

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A part of the page that not each relay has. name: by which the page knows that it is there."""

    name: str
    apis: Sequence[AdminApi]


def create_admin_app(*apis: AdminApi, gate: Gate | None = None) -> web.Application:
    """Make an application that answers the operator.

    gate: lets in who may; without one it lets everybody in, and what it listens on does not.
    """
    middlewares = [answer_errors] if gate is None else [answer_errors, gate.middleware]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    if gate is not None:
        app.on_response_prepare.append(gate.add_headers)
    for api in apis:
        app.router.add_routes(api.routes())
    return app
