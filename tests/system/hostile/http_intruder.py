"""A client that sends mutated HTTP and mutated WebSocket framing, one connection after the other."""

import asyncio
import base64
import json
import random
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from minirelay.protocol import envelope as wire
from minirelay.protocol.signing import PrivateKey
from minirelay.web.errors import OWN_FAULT
from tests.fuzz import corpus
from tests.fuzz.byte_mutations import mutate_bytes
from tests.fuzz.mutator import Mutator
from tests.fuzz.protobuf_mutations import mutate_protobuf
from tests.fuzz.text_mutations import mutate_text
from tests.system.hostile.tally import Tally

PATIENCE_S = 0.2
HANDSHAKE = (
    b"GET /v4/sessions HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PLAIN = [
    b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"HEAD /testing/discovery HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n",
    b"OPTIONS /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n",
    b"GET /ipfs/QmNothing HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v4/upload_blob?token=x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n",
    b"POST /v4/enroll_key_card?guest=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Encoding: gzip\r\nExpect: 100-continue\r\n\r\n"
    b'f\r\n{"message":"a",\r\nf;x=y\r\n"signature":""}\r\n0\r\n\r\n',
    HANDSHAKE,
]


class HttpIntruder:
    """Sends what is hardly HTTP."""

    def __init__(self, name: str, seed: int, url: str, wallet: PrivateKey, tally: Tally) -> None:
        """wallet: signs what it enrols with."""
        self._chance = random.Random(f"{name} {seed}")
        self._address = urlsplit(url).hostname, urlsplit(url).port
        self._wallet = wallet
        self._tally = tally
        self._bodies = Mutator("bodies", corpus.enrolment_bodies(), mutate_text)
        self._messages = Mutator("messages", corpus.sign_in_messages(), mutate_text)
        self._envelopes = Mutator("envelopes", corpus.envelopes(), mutate_protobuf)
        self._kinds: tuple[tuple[str, int, Callable[[], bytes]], ...] = (
            ("HTTP request", 4, self._request),
            ("enrolment body", 3, self._enrolment),
            ("signed enrolment", 1, self._signed_enrolment),
            ("WebSocket framing", 4, self._framing),
        )

    async def run(self) -> None:
        """Go on until enough was sent."""
        while not self._tally.is_over.is_set():
            kind, _, make = self._chance.choices(self._kinds, [weight for _, weight, _ in self._kinds])[0]
            data = make()
            self._tally.count(kind)
            answer = await self._exchange(data)
            self._tally.note(f"{kind}: {_status(answer)}")
            if b"Traceback" in answer or OWN_FAULT.encode() in answer:
                self._tally.find(f"{kind} {data!r} was answered with {answer!r}")

    async def _exchange(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            with suppress(ConnectionError):
                return await self._speak(reader, writer, data)
            return b""
        finally:
            writer.transport.abort()

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
        match self._chance.randrange(10):
            case 0:
                writer.write(data)
                return b""
            case 1:
                for start in range(0, min(len(data), 40), 5):
                    writer.write(data[start : start + 5])
                    await asyncio.sleep(0)
                return b""
            case 2:
                writer.write(data)
                writer.write_eof()
            case _:
                writer.write(data)
        answer = await _read(reader)
        if answer.startswith(b"HTTP/1.1 101 "):
            answer += await _read(reader)
        return answer

    def _request(self) -> bytes:
        data = self._chance.choice(PLAIN)
        for _ in range(self._chance.choice((1, 1, 1, 3))):
            mutate = self._chance.choice((mutate_bytes, mutate_text))
            data = mutate(self._chance, data, self._chance.choice(PLAIN))
        return data + self._chance.choice((b"", b"\r\n\r\n", b"\r\n\r\n"))

    def _enrolment(self) -> bytes:
        return _post(self._bodies.change(self._chance, self._chance.choice(corpus.enrolment_bodies())))

    def _signed_enrolment(self) -> bytes:
        message = self._messages.change(self._chance, self._chance.choice(corpus.sign_in_messages()))
        signature = base64.b64encode(self._wallet.sign(message)).decode()
        text = message.decode("utf-8", "replace")
        return _post(json.dumps({"message": text, "signature": signature}).encode())

    def _framing(self) -> bytes:
        return HANDSHAKE + b"".join(self._frame() for _ in range(self._chance.choice((1, 1, 2, 5, 40))))

    def _frame(self) -> bytes:
        """Make a WebSocket frame (RFC 6455, 5.2), wrong in up to all of its fields."""
        chance = self._chance
        payload = chance.choice(
            (
                lambda: b"",
                lambda: chance.randbytes(chance.choice((1, 2, 125, 126, 200))),
                lambda: chance.choice(
                    (b"\x03\xe8", b"\x03", b"\x03\xe8\xff\xfe", b"\0\0", b"\x03\xed", b"\xff\xff")
                ),
                lambda: self._envelopes.change(chance, chance.choice(corpus.envelopes())),
                lambda: wire.encode_envelope(
                    1 + chance.randrange(3), wire.SubscriptionCancelRequest(b"\0\1")
                ),
            )
        )()
        opcode = chance.choice((0, 0, 1, 2, 2, 2, 3, 8, 8, 9, 10, 11, 15))
        first = chance.choice((0x80, 0x80, 0x80, 0, 0, 0x40, 0xF0, 0x90)) | opcode
        size = (
            len(payload)
            if chance.random() < 0.8
            else chance.choice((0, 1, 126, 65536, 2**21 + 1, 2**63, 2**64 - 1))
        )
        return bytes((first,)) + self._sized(size) + payload

    def _sized(self, size: int) -> bytes:
        """Make the length, perhaps in a longer form than needed, and a mask of zeros, perhaps none."""
        form = self._chance.choice((7, 16, 64)) if self._chance.random() < 0.1 else 7
        masked = 0x80 if self._chance.random() < 0.9 else 0
        mask = bytes(4) if masked else b""
        if size >= 2**16 or form == 64:
            return bytes((masked | 127,)) + size.to_bytes(8) + mask
        if size >= 126 or form == 16:
            return bytes((masked | 126,)) + size.to_bytes(2) + mask
        return bytes((masked | size,)) + mask


def _post(body: bytes) -> bytes:
    head = f"POST /v4/enroll_key_card HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read what comes at once; a request may as well have no end, and the relay waits for it."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(reader.read(65536), PATIENCE_S)
    return b""


def _status(answer: bytes) -> str:
    return answer.split(b" ")[1].decode("latin-1") if answer.startswith(b"HTTP/1.") else "no answer"
