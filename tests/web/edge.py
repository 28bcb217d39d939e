"""A real HTTP server with the application, for tests of the edge; behind it only what they need."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from aiohttp import ClientSession, web

from minirelay.blobs.library import BlobLibrary
from minirelay.blobs.upload_tokens import UploadTokens
from minirelay.config.limits import LimitSettings
from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl
from minirelay.errors import MinirelayError
from minirelay.metrics import Meters
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.connection import Connection
from minirelay.relay.enrolment import AdmissionPolicy, Enroller
from minirelay.relay.live_cards import LiveCards
from minirelay.relay.memory_budget import MemoryBudget
from minirelay.relay.messages import Enrolment, HangUp, Outcome, Subscribe, WriteRequest
from minirelay.relay.subscription import Subscription
from minirelay.store.messages import KeyCard
from minirelay.web.app import Services, create_app
from minirelay.web.client_address import ClientAddresses
from minirelay.web.connections import Connections
from minirelay.web.listener import Listener, listen
from minirelay.web.ready import ChainReadiness
from minirelay.web.refusals import Refusals
from tests.limits import CONNECTION

RELAY_KEY = PrivateKey.from_bytes(b"\x77" * 32)
RELAY_TOKEN = 47124867884073879672909603251284934629202731065943978120863102598122760623800
NOW = datetime(2025, 6, 1, 10, tzinfo=UTC)
BASE_URL = BaseUrl.parse("http://localhost:4444")


class Lobby:
    """Gives every client a connection, on which nothing but closing works."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.memory = MemoryBudget(2**27)
        self.live_cards: LiveCards[Connection] = LiveCards()

    def connect(self) -> Connection:
        connection = Connection(self, CONNECTION, self.memory, clock=lambda: 0.0, meters=Meters())
        self.connections.append(connection)
        return connection

    def release(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)

    async def find_card(self, public_key: bytes) -> KeyCard | None:
        raise NotImplementedError

    def name_upload_url(self, card: KeyCard) -> str:
        raise NotImplementedError

    def write(self, request: WriteRequest) -> None:
        raise NotImplementedError

    def write_settled(self, card: KeyCard, outcome: Outcome) -> None:
        raise NotImplementedError

    def session_ended(self, hang_up: HangUp) -> None:
        pass

    async def subscribe(self, effect: Subscribe, connection: Connection) -> Subscription:
        raise NotImplementedError


async def nothing() -> None:
    """Do what a probe of a healthy database does."""


@dataclass
class Backend:
    """What the endpoints ask, each with the error that it is to fail with."""

    permitted: bool = True
    registry_error: Exception | None = None
    admit_error: Exception | None = None
    probe: Callable[[], Awaitable[None]] = nothing
    policy: AdmissionPolicy = field(default_factory=AdmissionPolicy)
    enrolled: list[Enrolment] = field(default_factory=list)
    lobby: Lobby = field(default_factory=Lobby)
    blobs: BlobLibrary | None = None
    """None where nobody asks for a file."""
    upload_tokens: UploadTokens = field(
        default_factory=lambda: UploadTokens(str(BASE_URL), 64, time.monotonic)
    )
    chains: Callable[[], Sequence[ChainReadiness]] = tuple
    other_reasons: Callable[[], Sequence[str]] = tuple

    async def owner_of(self, shop_id: int) -> bytes | None:
        if self.registry_error:
            raise self.registry_error
        return bytes(20)

    async def may_update_root_hash(self, shop_id: int, wallet: bytes) -> bool:
        return self.permitted

    async def relay_tokens(self, shop_id: int) -> tuple[int, ...]:
        return ()

    async def is_served(self, shop_id: int) -> bool:
        return False

    async def admit(self, enrolment: Enrolment) -> None:
        if self.admit_error:
            raise self.admit_error
        self.enrolled.append(enrolment)

    def services(self) -> Services:
        enroller = Enroller(
            base_url=BASE_URL,
            relay_token=RELAY_TOKEN,
            relay_key=RELAY_KEY.public_key,
            registry=self,
            policy=self.policy,
            is_served=self.is_served,
            admit=self.admit,
            now=lambda: NOW,
        )
        return Services(
            sessions=self.lobby,
            enroller=enroller,
            write_check=self.probe,
            relay_token=RELAY_TOKEN,
            blobs=cast("BlobLibrary", self.blobs),
            upload_tokens=self.upload_tokens,
            chains=self.chains,
            other_reasons=self.other_reasons,
        )


OPEN = LimitSettings(
    connection_rate=0,
    enrolment_rate=0,
    sessions_per_address=0,
    connections_per_address=0,
    silent_connections_per_address=0,
)
SETTINGS = Settings(base_url=BASE_URL, registry_chain=31337, limits=OPEN)


async def nothing_to_end() -> None:
    """Do what a stop does where no sessions are."""


@asynccontextmanager
async def listening(
    app: web.Application,
    listener: Listener | None = None,
    *,
    settings: Settings = SETTINGS,
    refusals: Refusals | None = None,
    max_open: int | None = None,
    memory: MemoryBudget | None = None,
    on_stop: Callable[[], Awaitable[None]] = nothing_to_end,
) -> AsyncIterator[str]:
    """Serve an application as a relay does; gives the URL. max_open: files for connections."""
    connections = Connections(
        settings.limits,
        ClientAddresses(settings.trusted_proxies),
        refusals or Refusals(time.monotonic),
        max_open,
    )
    listener = listener or Listener.bind("127.0.0.1", 0)
    async with listen(
        app,
        listener,
        connections,
        memory or MemoryBudget(2**27),
        on_stop=on_stop,
        stop_timeout_s=settings.stop_timeout,
    ) as url:
        yield url


@asynccontextmanager
async def serving(
    backend: Backend | None = None, settings: Settings = SETTINGS
) -> AsyncIterator[ClientSession]:
    """Serve, and give a client session with the server as its base."""
    refusals = Refusals(time.monotonic)
    app = create_app(settings, (backend or Backend()).services(), refusals)
    async with (
        listening(app, settings=settings, refusals=refusals) as url,
        ClientSession(url) as client,
    ):
        yield client


def broken(error: MinirelayError | Exception) -> Callable[[], Awaitable[None]]:
    """Make a probe that fails."""

    async def probe() -> None:
        raise error

    return probe
