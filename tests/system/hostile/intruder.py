"""A client that sends mutated frames, session after session, and looks at every answer."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import ClientSession, ClientWebSocketResponse

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.messages import own_fault
from tests.raw_client import Refused, SessionEnded, Talker
from tests.system.hostile.frames import FrameMaker, Mutated
from tests.system.hostile.tally import Tally

FRAMES_PER_SESSION = 200
IN_FLIGHT = 8
TIMEOUT_S = 60.0
FENCE = b"\xff\xff"
"""A subscription id that is never given out: what is sent to it is refused at once, in its turn."""


class Intruder:
    """One key card, one session at a time."""

    def __init__(
        self, name: str, seed: int, http: ClientSession, url: str, shop_id: int, key: PrivateKey, tally: Tally
    ) -> None:
        self._name = name
        self._chance = random.Random(f"{name} {seed}")
        self._http = http
        self._url = f"{url}/v4/sessions"
        self._maker = FrameMaker(self._chance, key, shop_id)
        self._key = key
        self._tally = tally

    async def run(self) -> None:
        """Go on until enough was sent."""
        while not self._tally.is_over.is_set():
            async with self._session() as session:
                await session.attack(self._chance.random() < 0.9)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator["_Session"]:
        async with self._http.ws_connect(self._url, max_msg_size=0, heartbeat=None) as socket:
            session = _Session(self._name, socket, self._maker, self._key, self._chance, self._tally)
            reader = asyncio.create_task(session.read())
            try:
                yield session
            finally:
                if self._chance.random() < 0.2:
                    session.abort()
                await socket.close()
                await reader


class _Session(Talker):
    """A session that sends mutated frames; it acknowledges nothing but by such a frame."""

    def __init__(
        self,
        name: str,
        socket: ClientWebSocketResponse,
        maker: FrameMaker,
        key: PrivateKey,
        chance: random.Random,
        tally: Tally,
    ) -> None:
        super().__init__(key, is_mute=True, keeps=False, timeout_s=TIMEOUT_S, socket=socket)
        self._name = name
        self._maker = maker
        self._chance = chance
        self._tally = tally
        self._sent: dict[int, Mutated] = {}
        self._has_ended = False
        maker.pushes.clear()

    async def attack(self, authenticates: bool) -> None:
        """Send mutated frames until the relay has had enough of them."""
        with suppress(SessionEnded):
            if authenticates:
                await self._sign_in()
            for number in range(FRAMES_PER_SESSION):
                if self._has_ended or self._tally.is_over.is_set():
                    break
                await self._send_mutated(self._maker.make())
                if number % IN_FLIGHT == 0:
                    await self._settle()
        await self._settle()

    async def _sign_in(self) -> None:
        assert self.key is not None
        with suppress(Refused):
            self._maker.challenge = await self._ask(wire.AuthenticateRequest(self.key.public_key))
            await self._ask(wire.ChallengeSolvedRequest(self.key.sign(self._maker.challenge)))

    async def _send_mutated(self, frame: Mutated) -> None:
        if frame.request_id is not None:
            self.answers[frame.request_id] = asyncio.get_running_loop().create_future()
            self._sent[frame.request_id] = frame
        self._tally.count(frame.kind)
        await self.send(frame.data)
        # Behind it, so that no frame counts which the relay closed the door on.
        with suppress(Refused):
            await self._ask(wire.SubscriptionCancelRequest(FENCE))

    async def _ask(self, message: wire.Message) -> bytes:
        return await self.ask(message, self._maker.next_id())

    async def _settle(self) -> None:
        """Wait for every answer that must come."""
        if self.answers and not self._has_ended:
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.wait(list(self.answers.values()))

    async def send(self, frame: bytes) -> None:
        """Send a frame, unless it is over."""
        if self._has_ended:
            raise SessionEnded
        try:
            await super().send(frame)
        except ConnectionError as error:
            self._has_ended = True
            raise SessionEnded from error

    async def read(self) -> None:
        """Look at everything that comes, to the end."""
        try:
            await super().read()
        except AssertionError as error:
            self._tally.find(f"{self._name}: {error}")
        self._has_ended = True
        if self.socket.close_code == 1011:
            self._tally.find(f"{self._name}: closed by a bug after {self._sent}")
        self._tally.note(f"closed with {self.socket.close_code}")

    async def take(self, envelope: wire.Envelope) -> None:
        """Look at what came, and let what waits for it go on."""
        match envelope.message:
            case wire.Success() | wire.Failure() as response:
                self._note(envelope.request_id, response)
                self.answers.setdefault(envelope.request_id, asyncio.get_running_loop().create_future())
            case wire.SubscriptionPushRequest() | wire.SyncStatusRequest() | wire.PingRequest():
                self._maker.pushes.append(envelope.request_id)
            case other:
                self._tally.find(f"{self._name}: the relay sent {other!r}")
        await super().take(envelope)

    def _note(self, request_id: int, response: wire.Success | wire.Failure) -> None:
        frame = self._sent.pop(request_id, None)
        if isinstance(response, wire.Failure):
            if response.message == own_fault().message:
                self._tally.find(f"{self._name}: a bug answered {frame}")
            if frame is not None:
                self._tally.note(f"{frame.kind}: {Code(response.code).name}")
        elif frame is not None:
            self._tally.note(f"{frame.kind}: accepted")
