"""A client that sends mutated frames, session after session, and looks at every answer."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from minirelay.errors import Code
from minirelay.protocol import envelope as wire
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.messages import own_fault
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


class _Session:
    def __init__(
        self,
        name: str,
        socket: ClientWebSocketResponse,
        maker: FrameMaker,
        key: PrivateKey,
        chance: random.Random,
        tally: Tally,
    ) -> None:
        self._name = name
        self._socket = socket
        self._maker = maker
        self._key = key
        self._chance = chance
        self._tally = tally
        self._answers: dict[int, asyncio.Future[wire.Success | wire.Failure | None]] = {}
        self._sent: dict[int, Mutated] = {}
        self._has_ended = False
        maker.pushes.clear()

    async def attack(self, authenticates: bool) -> None:
        """Send mutated frames until the relay has had enough of them."""
        if authenticates:
            await self._authenticate()
        for number in range(FRAMES_PER_SESSION):
            if self._has_ended or self._tally.is_over.is_set():
                break
            await self._send(self._maker.make())
            if number % IN_FLIGHT == 0:
                await self._settle()
        await self._settle()

    async def _authenticate(self) -> None:
        answer = await self._ask(wire.AuthenticateRequest(self._key.public_key))
        if isinstance(answer, wire.Success):
            self._maker.challenge = answer.payload
            await self._ask(wire.ChallengeSolvedRequest(self._key.sign(answer.payload)))

    async def _send(self, frame: Mutated) -> None:
        if frame.request_id is not None:
            self._expect(frame.request_id)
            self._sent[frame.request_id] = frame
        self._tally.count(frame.kind)
        await self._write(frame.data)
        # Behind it, so that no frame counts which the relay closed the door on.
        await self._ask(wire.SubscriptionCancelRequest(FENCE))

    async def _ask(self, message: wire.Message) -> wire.Success | wire.Failure | None:
        request_id = self._maker.next_id()
        answer = self._expect(request_id)
        await self._write(wire.encode_envelope(request_id, message))
        return await asyncio.wait_for(answer, TIMEOUT_S)

    def _expect(self, request_id: int) -> "asyncio.Future[wire.Success | wire.Failure | None]":
        answer: asyncio.Future[wire.Success | wire.Failure | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._answers[request_id] = answer
        if self._has_ended:
            answer.set_result(None)
        return answer

    async def _settle(self) -> None:
        """Wait for every answer that must come."""
        if self._answers:
            await asyncio.wait_for(asyncio.gather(*self._answers.values()), TIMEOUT_S)

    async def _write(self, data: bytes) -> None:
        if not self._has_ended:
            try:
                await self._socket.send_bytes(data)
            except ConnectionError:
                self._has_ended = True

    async def read(self) -> None:
        """Look at everything that comes, to the end."""
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY:
                self._tally.find(f"{self._name}: a frame of type {message.type!r}")
                break
            await self._take(wire.decode_envelope(message.data))
        self._has_ended = True
        if self._socket.close_code == 1011:
            self._tally.find(f"{self._name}: closed by a bug after {self._sent}")
        self._tally.note(f"closed with {self._socket.close_code}")
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)

    async def _take(self, envelope: wire.Envelope) -> None:
        match envelope.message:
            case wire.Success() | wire.Failure() as response:
                self._take_response(envelope.request_id, response)
            case wire.SubscriptionPushRequest() | wire.SyncStatusRequest() | wire.PingRequest():
                self._maker.pushes.append(envelope.request_id)
            case other:
                self._tally.find(f"{self._name}: the relay sent {other!r}")

    def _take_response(self, request_id: int, response: wire.Success | wire.Failure) -> None:
        frame = self._sent.pop(request_id, None)
        if isinstance(response, wire.Failure):
            if response.message == own_fault().message:
                self._tally.find(f"{self._name}: a bug answered {frame}")
            if frame is not None:
                self._tally.note(f"{frame.kind}: {Code(response.code).name}")
        elif frame is not None:
            self._tally.note(f"{frame.kind}: accepted")
        answer = self._answers.pop(request_id, None)
        if answer is not None and not answer.done():
            answer.set_result(response)

    def abort(self) -> None:
        """Tear the connection down without a word."""
        connection = self._socket._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
