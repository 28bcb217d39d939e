"""The HTTP application: which endpoint is where, and what holds for all of them."""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.config.settings import Settings
from minirelay.logs import bound
from minirelay.relay.connection import Connection
from minirelay.relay.enrolment import Enroller
from minirelay.web.blobs import BlobEndpoint
from minirelay.web.client_address import ClientAddresses
from minirelay.web.cors import say_always
from minirelay.web.discovery import DiscoveryEndpoint
from minirelay.web.enrolment import EnrolmentEndpoint
from minirelay.web.errors import UpgradeRequired, answer_everything
from minirelay.web.expectations import meet_expectation
from minirelay.web.health import HealthEndpoint
from minirelay.web.info import InfoEndpoint
from minirelay.web.limits import AdmissionLimiter
from minirelay.web.read_throttle import ReadLimits
from minirelay.web.ready import ChainReadiness, ReadyEndpoint
from minirelay.web.receive_buffer import ReceiveBuffer
from minirelay.web.refusals import Refusals
from minirelay.web.routes import BLOB, DISCOVERY, ENROLMENT, HEALTH, INFO, READY, SESSIONS, UPLOAD, Route
from minirelay.web.sessions import serve_session
from minirelay.web.turn_share import TurnShare
from minirelay.web.uploads import UploadEndpoint

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SessionHost(Protocol):
    """The relay, as the WebSocket sees it."""

    def connect(self) -> Connection:
        """Make the connection of a client that has just come."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the endpoints need of the relay. relay_token: its id.

    write_check: makes sure that the database takes writes; raises StoreError. chains: how far each is read.
    other_reasons: why the relay is not ready, beside those two.
    """

    sessions: SessionHost
    enroller: Enroller
    write_check: Callable[[], Awaitable[None]]
    relay_token: int
    blobs: BlobLibrary
    upload_tokens: UploadTokens
    chains: Callable[[], Sequence[ChainReadiness]] = tuple
    other_reasons: Callable[[], Sequence[str]] = tuple


def create_app(settings: Settings, services: Services, refusals: Refusals | None = None) -> web.Application:
    """Make the application that a relay listens with. refusals: counts what is refused, its own if None."""
    limiter = AdmissionLimiter(
        settings.limits,
        ClientAddresses(settings.trusted_proxies),
        refusals or Refusals(time.monotonic),
    )
    app = web.Application(middlewares=[answer_everything, _let_in(limiter)])
    app.on_response_prepare.append(say_always)

    limits = read_limits(settings)

    async def sessions(request: web.Request) -> web.StreamResponse:
        if not _asks_for_websocket(request):
            limiter.note_missing_upgrade(request)
            raise UpgradeRequired
        with bound(session=secrets.token_hex(4)), limiter.session(request):
            return await serve_session(request, services.sessions.connect, limits)

    enrolment = EnrolmentEndpoint(services.enroller, limiter, body_timeout_s=settings.limits.body_timeout)
    uploads = UploadEndpoint(services.blobs, services.upload_tokens, settings.limits)
    health = HealthEndpoint(services.write_check)
    endpoints: dict[Route, Endpoint] = {
        SESSIONS: sessions,
        ENROLMENT: enrolment.post,
        UPLOAD: uploads.post,
        BLOB: BlobEndpoint(services.blobs).get,
        HEALTH: health.get,
        READY: ReadyEndpoint(health, services.chains, services.other_reasons).get,
        INFO: InfoEndpoint(settings, services.relay_token).get,
    }
    if settings.development:
        endpoints[DISCOVERY] = DiscoveryEndpoint(services.relay_token, settings.registry_chain).get
    for route, endpoint in endpoints.items():
        add = app.router.add_get if route.method == "GET" else app.router.add_post
        add(route.path, endpoint, expect_handler=meet_expectation)
    return app


def read_limits(settings: Settings) -> ReadLimits:
    """Make the bounds of what is read of sessions; one for all of them."""
    limits = settings.limits
    return ReadLimits(
        max_frame_bytes=limits.frame_size,
        frames_per_turn=limits.frames_per_turn,
        bytes_per_turn=limits.bytes_per_turn,
        frames_per_s=limits.frame_rate,
        together=TurnShare(limits.turn_frames, limits.turn_bytes),
        buffer=ReceiveBuffer(limits.turn_bytes),
    )


def _let_in(limiter: AdmissionLimiter) -> Middleware:
    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        with limiter.request(request):
            return await handler(request)

    return let_in


def _asks_for_websocket(request: web.Request) -> bool:
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("Upgrade", "").strip().lower() == "websocket"
        and "upgrade" in headers.get("Connection", "").lower()
    )
