"""The application that answers the operator (spec 09 "The operator's listener")."""

from collections.abc import Iterable
from typing import Final, Protocol

from aiohttp import web

from minirelay.web.admin.errors import answer_errors

MAX_BODY_BYTES: Final = 64 * 1024


class AdminApi(Protocol):
    """What the operator can ask about one concern. A new one is one more file, entered in the composition."""

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""


def create_admin_app(*apis: AdminApi) -> web.Application:
    """Make the application that answers the operator. It lets everybody in: what it listens on does not."""
    app = web.Application(middlewares=[answer_errors], client_max_size=MAX_BODY_BYTES)
    for api in apis:
        app.router.add_routes(api.routes())
    return app
