"""Where frames begin and end, whatever the pieces: held against the readers that the frames are for."""

import asyncio
import random
import struct
from importlib import import_module

import pytest
from aiohttp._websocket import reader_py
from aiohttp.base_protocol import BaseProtocol

from minirelay.web.frame_scanner import FrameScanner, Scanned

FIN, CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x80, 0, 1, 2, 8, 9, 10
ANY = 10**9


def frame(first: int, payload: bytes, *, is_masked: bool = True) -> bytes:
    """Make a frame, masked with zeros."""
    mask = 0x80 if is_masked else 0
    if len(payload) < 126:
        head = bytes([first, mask | len(payload)])
    elif len(payload) < 2**16:
        head = bytes([first, mask | 126]) + struct.pack(">H", len(payload))
    else:
        head = bytes([first, mask | 127]) + struct.pack(">Q", len(payload))
    return head + (bytes(4) if is_masked else b"") + payload


def random_frames(draw: random.Random, count: int, largest: int) -> list[bytes]:
    """Make frames as a client may send them: messages in fragments, control frames in between."""
    sizes = [size for size in (0, 0, 1, 5, 125, 126, 127, 300, 65_535, 65_536, 70_000) if size <= largest]

    def payload() -> bytes:
        return bytes(draw.choice(sizes))

    frames: list[bytes] = []
    is_open = False
    while len(frames) < count:
        if draw.random() < 0.3:
            frames.append(frame(FIN | draw.choice([PING, PONG]), bytes(draw.choice([0, 1, 125]))))
            continue
        is_last = draw.random() < 0.5
        opcode = CONTINUATION if is_open else draw.choice([TEXT, BINARY])
        frames.append(frame((FIN if is_last else 0) | opcode, payload(), is_masked=draw.random() < 0.9))
        is_open = not is_last
    return frames


@pytest.mark.parametrize("language", ["py", "c"])
@pytest.mark.parametrize("seed", range(12))
async def test_messages_are_whole_when_the_reader_has_them(language: str, seed: int) -> None:
    module = import_module(reader_py.__name__.removesuffix("py") + language)
    draw = random.Random(seed)
    pieces, largest = draw.choice([([1, 2, 3], 130), ([1, 7, 1000], 300), ([100, 10**5, 3 * 10**5], 10**6)])
    frames = random_frames(draw, 150, largest)
    stream = b"".join(frames)
    loop = asyncio.get_running_loop()
    queue = module.WebSocketDataQueue(BaseProtocol(loop), 2**30, loop=loop)
    reader = module.WebSocketReader(queue, 2**30, compress=False, decode_text=False)
    scanner = FrameScanner()
    seen = done = 0
    while done < len(stream):
        data = stream[done : done + draw.choice(pieces)]
        done += len(data)
        at = 0
        while at < len(data):
            scanned = scanner.scan(data, at, draw.choice([1, 2, 64]), draw.choice([50, ANY]))
            assert at < scanned.end <= len(data)
            reader.feed_data(data[at : scanned.end])
            at = scanned.end
            seen += scanned.frames
            got = [len((await queue.read()).data) for _ in range(len(queue._buffer))]
            assert (len(got), sum(got)) == (scanned.messages, scanned.size_bytes)
    assert seen == len(frames)


def test_what_is_not_whole_yet_is_counted_and_forgotten_when_it_is() -> None:
    scanner = FrameScanner()

    def take(data: bytes) -> int:
        scanner.scan(data, 0, ANY, ANY)
        return scanner.unfinished_bytes

    assert take(frame(BINARY, bytes(1000))) == 1000
    assert take(frame(CONTINUATION, bytes(500))[:-1]) == 1499
    assert take(b"\0") == 1500
    assert take(frame(FIN | PING, bytes(100))[:-50]) == 1550
    assert take(bytes(50)) == 1500
    assert take(frame(FIN | CONTINUATION, b"")) == 0


def test_it_stops_where_the_next_frame_would_be_one_too_many() -> None:
    scanner = FrameScanner()
    data = frame(CONTINUATION, b"") * 100
    assert scanner.scan(data, 0, 64, ANY) == Scanned(64 * 6, 64, 0, 0)
    assert scanner.scan(data, 64 * 6, 64, ANY) == Scanned(600, 36, 0, 0)
    assert scanner.scan(data, 0, 0, ANY) == Scanned(0, 0, 0, 0)


def test_a_frame_that_has_begun_goes_on_however_few_are_allowed() -> None:
    scanner = FrameScanner()
    data = frame(FIN | BINARY, bytes(1000)) + frame(FIN | PING, b"")
    assert scanner.scan(data, 0, 1, 500) == Scanned(500, 1, 0, 0)
    assert scanner.scan(data, 500, 0, ANY) == Scanned(1008, 0, 1, 1000)


@pytest.mark.parametrize("split", range(1, 14))
def test_a_header_may_come_in_two_pieces(split: int) -> None:
    scanner = FrameScanner()
    data = frame(FIN | BINARY, bytes(70_000))
    first = scanner.scan(data[:split], 0, 1, ANY)
    second = scanner.scan(data[split:], 0, 0, ANY)
    assert (first.frames, second.frames, second.messages, second.size_bytes) == (1, 0, 1, 70_000)


def test_a_frame_may_say_that_it_is_larger_than_anything() -> None:
    scanner = FrameScanner()
    scanner.scan(b"\x82\xff" + b"\xff" * 8 + bytes(4), 0, 1, ANY)
    assert scanner.scan(bytes(10**6), 0, 1, ANY) == Scanned(10**6, 0, 0, 0)
    assert scanner.unfinished_bytes == 10**6
