"""`POST /v4/enroll_key_card`: the HTTP around a decision of the enroller (spec 05)."""

import asyncio
import logging

from aiohttp import ClientError, web

from minirelay.protocol.ids import show_shop
from minirelay.relay.enrolment import Enroller
from minirelay.web.limits import AdmissionLimiter
from minirelay.web.routes import ENROLMENT

log = logging.getLogger(__name__)


class EnrolmentEndpoint:
    """Takes requests to enrol a key card; the content type does not matter."""

    def __init__(self, enroller: Enroller, limiter: AdmissionLimiter, *, body_timeout_s: float) -> None:
        self._enroller = enroller
        self._limiter = limiter
        self._body_timeout_s = body_timeout_s

    async def post(self, request: web.Request) -> web.Response:
        """Answer 201, or raise what `web/errors.py` has an answer for."""
        self._limiter.check_enrolment(request)
        body = await self._read(request)
        enrolment = await self._enroller.enrol(
            body,
            # An empty header says as little as none.
            referer=request.headers.get("Referer") or None,
            is_guest=request.query.get("guest") == "1",
        )
        log.info(
            "a key card was enrolled",
            extra={"shop": show_shop(enrolment.shop_id), "role": "guest" if enrolment.is_guest else "clerk"},
        )
        return web.json_response({"handler": ENROLMENT.handler_name, "success": True}, status=201)

    async def _read(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._body_timeout_s):
                return await request.clone(client_max_size=ENROLMENT.max_body_bytes).read()
        except TimeoutError as error:
            raise web.HTTPRequestTimeout from error
        except (web.RequestPayloadError, ClientError, ConnectionError) as error:
            # Broken off, or not encoded as its headers say; whoever sent it may still be there.
            raise web.HTTPBadRequest from error
