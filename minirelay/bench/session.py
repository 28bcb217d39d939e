"""One session of the load generator: a blocking socket, frames made before the clock starts.

No event loop and no checking of what comes: this side must not be what is measured. `minirelay.client` is
the client that verifies.
"""

import socket
import time
from base64 import b64encode
from collections import deque
from collections.abc import Sequence
from hashlib import sha1
from typing import Final, Self
from urllib.parse import urlsplit

from minirelay.bench.frames import (
    PING,
    PUSH,
    RESPONSE,
    SYNC_STATUS,
    FrameReader,
    agree,
    client_frame,
    is_refusal,
    kind_of,
    patches_in,
    why_refused,
)
from minirelay.errors import MalformedInput, MinirelayError
from minirelay.protocol.envelope import (
    AuthenticateRequest,
    ChallengeSolvedRequest,
    Filter,
    Message,
    PatchSetWriteRequest,
    SubscriptionRequest,
    Success,
    SyncStatusRequest,
    decode_envelope,
    encode_envelope,
)
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.protocol.paths import SESSIONS_PATH
from minirelay.protocol.signing import PrivateKey

TIMEOUT_S: Final = 60.0
_RECEIVE_BYTES: Final = 256 * 1024
_MAX_HEAD_BYTES: Final = 16 * 1024
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Always the same: nobody between this process and the relay is to be kept from replaying it.
_KEY: Final = b64encode(bytes(16)).decode()
_ACCEPT: Final = b64encode(sha1(f"{_KEY}{_GUID}".encode(), usedforsecurity=False).digest()).decode()


class BenchError(MinirelayError):
    """The benchmark can't go on; the message says why, for people."""


class LoadSession:
    """A session. All methods may raise BenchError: the relay refused, closed or was silent."""

    def __init__(self, connected: socket.socket) -> None:
        """Use `connect`."""
        self.socket = connected
        self._unpushed: int | None = None
        self._reader = FrameReader()
        self._waiting: deque[bytes] = deque()
        self._last_id = 0

    @classmethod
    def connect(cls, url: str) -> Self:
        """Open a session. url: of the relay, http."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        try:
            connected = socket.create_connection((host, port), TIMEOUT_S)
        except OSError as error:
            raise BenchError(f"{url}: {error}") from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = cls(connected)
        try:
            session._shake_hands(parts.netloc, parts.path.rstrip("/") + SESSIONS_PATH)
        except BaseException:
            connected.close()
            raise
        return session

    def close(self) -> None:
        """Drop the connection."""
        self.socket.close()

    def __enter__(self) -> Self:
        """Return the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the connection."""
        self.close()

    # -- requests

    def frame_of(self, message: Message) -> bytes:
        """Make the frame of a request under the next request id."""
        self._last_id += 1
        return client_frame(encode_envelope(self._last_id, message))

    def frame_of_write(self, patch_set: bytes) -> bytes:
        """Make the frame that writes a patch set."""
        return self.frame_of(PatchSetWriteRequest(patch_set))

    def ask(self, message: Message) -> bytes:
        """Send a request, wait for its answer; give the payload. Nothing else may be unanswered."""
        self.send(self.frame_of(message))
        others: list[bytes] = []
        while True:
            envelopes = self.receive()
            for place, envelope in enumerate(envelopes):
                if kind_of(envelope) == RESPONSE:
                    self._waiting.extend(others + envelopes[place + 1 :])
                    return self._payload(envelope)
                others.append(envelope)

    def authenticate(self, key_card: PrivateKey) -> None:
        """Sign in with a key card."""
        challenge = self.ask(AuthenticateRequest(key_card.public_key))
        self.ask(ChallengeSolvedRequest(key_card.sign(challenge)))

    def subscribe(self, shop_id: int, after_seq: int = 0, filters: Sequence[Filter] = ()) -> None:
        """Subscribe, from a sequence number on."""
        self._unpushed = None
        self.ask(SubscriptionRequest(shop_id.to_bytes(UINT256_BYTES), after_seq, tuple(filters)))

    def write_all(self, frames: Sequence[bytes], in_flight: int) -> float:
        """Send writes, always that many unanswered, until all are acknowledged; give the seconds it took."""
        begin = time.perf_counter()
        sent = answered = 0
        room = in_flight
        while answered < len(frames):
            if room and sent < len(frames):
                batch = frames[sent : sent + room]
                self.send(b"".join(batch))
                sent += len(batch)
            room = self.count_answers(self.receive())
            answered += room
        return time.perf_counter() - begin

    # -- what goes and comes

    def send(self, frames: bytes) -> None:
        """Send frames, one or more."""
        try:
            self.socket.sendall(frames)
        except OSError as error:
            raise BenchError(f"the relay is gone: {error}") from error

    def receive(self) -> list[bytes]:
        """Wait for envelopes, at least one. Pings are answered, sync statuses noted, both left out."""
        if self._waiting:
            envelopes = list(self._waiting)
            self._waiting.clear()
            return envelopes
        # A relay that still pings, but no longer answers, is as good as gone.
        deadline = time.monotonic() + TIMEOUT_S
        while not (envelopes := self.receive_some()):
            if time.monotonic() > deadline:
                raise BenchError(f"nothing but pings came from the relay for {TIMEOUT_S:g} s")
        return envelopes

    def receive_some(self) -> list[bytes]:
        """Take what one reading of the socket gives, perhaps nothing that matters. For sockets with data."""
        return self._sorted_out(self._read())

    def unpushed(self) -> int:
        """Wait for the sync status of the last subscription; give how many patches are to come."""
        while self._unpushed is None:
            self._waiting.extend(self.receive_some())
        return self._unpushed

    def acknowledge(self, envelopes: Sequence[bytes]) -> tuple[int, int]:
        """Acknowledge the pushes among envelopes; give how many patches came, and the last number."""
        patches = last_seq = 0
        answers = []
        for envelope in envelopes:
            if kind_of(envelope) == PUSH:
                count, last_seq = patches_in(envelope)
                patches += count
                answers.append(client_frame(agree(envelope)))
        if answers:
            self.send(b"".join(answers))
        return patches, last_seq

    def count_answers(self, envelopes: Sequence[bytes]) -> int:
        """Count the answers among envelopes. Raises BenchError for a refusal."""
        count = 0
        for envelope in envelopes:
            if kind_of(envelope) == RESPONSE:
                if is_refusal(envelope):
                    raise BenchError(f"the relay refused a write: {why_refused(envelope)}")
                count += 1
        return count

    def _payload(self, envelope: bytes) -> bytes:
        message = decode_envelope(envelope).message
        if isinstance(message, Success):
            return message.payload
        raise BenchError(f"the relay refused: {why_refused(envelope)}")

    def _sorted_out(self, envelopes: Sequence[bytes]) -> list[bytes]:
        wanted = []
        for envelope in envelopes:
            kind = kind_of(envelope)
            if kind == PING:
                self.send(client_frame(agree(envelope)))
            elif kind == SYNC_STATUS:
                status = decode_envelope(envelope).message
                if isinstance(status, SyncStatusRequest):
                    self._unpushed = status.unpushed_patches
            else:
                wanted.append(envelope)
        return wanted

    def _read(self) -> list[bytes]:
        try:
            received = self.socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise BenchError(f"nothing came from the relay: {error}") from error
        if not received:
            raise BenchError("the relay dropped the connection")
        try:
            return list(self._reader.feed(received))
        except MalformedInput as error:
            raise BenchError(str(error)) from error

    def _shake_hands(self, host: str, path: str) -> None:
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status, *fields = self._read_head().split("\r\n")
        if " 101 " not in status or not any(field.endswith(_ACCEPT) for field in fields):
            raise BenchError(f"no WebSocket there: {status}")

    def _read_head(self) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            try:
                # Byte by byte: what stands behind it are frames already.
                received = self.socket.recv(1)
            except OSError as error:
                raise BenchError(f"no WebSocket there: {error}") from error
            if not received or len(head) > _MAX_HEAD_BYTES:
                raise BenchError("no WebSocket there: it sends no HTTP head")
            head += received
        return head.decode("latin-1")
