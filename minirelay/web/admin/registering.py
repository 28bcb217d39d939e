"""The relay's token: what it needs, and sending that."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.operations.operator import OperatorError
from minirelay.operations.registering import Registering
from minirelay.web.admin.json_body import read_object, text

NEED: Final = "/v1/registration"
SEND: Final = "/v1/registration/send"
MOST_URL: Final = 2048
MOST_DIGITS: Final = 78


class RegisteringApi:
    """Answers `{"base_url": URL}` with what is needed; `{"base_url": URL, "most_wei": TEXT}` sends it."""

    def __init__(self, registering: Registering) -> None:
        self._registering = registering

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.post(NEED, self._need), web.post(SEND, self._send)]

    async def _need(self, request: web.Request) -> web.Response:
        content = await read_object(request)
        return web.json_response(await self._registering.need(text(content, "base_url", MOST_URL)))

    async def _send(self, request: web.Request) -> web.Response:
        content = await read_object(request)
        digits = text(content, "most_wei", MOST_DIGITS)
        if not (digits.isascii() and digits.isdigit()):
            raise OperatorError("most_wei is a whole number, written as text")
        sent = await self._registering.send(text(content, "base_url", MOST_URL), int(digits))
        return web.json_response(sent)
