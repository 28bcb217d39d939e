"""What of requests waits in a connection, and what it costs."""

import asyncio
import tracemalloc
from collections.abc import Sequence
from unittest.mock import Mock

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from minirelay.web.request_parser import HEAD_COPIES, MAX_WAITING, PIECE_BYTES, BoundedParser, Parsed
from tests.relay.house import TIMEOUT_S

HEAD_BYTES = 16 * 1024
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def new_parser(limit: int = 64 * 1024) -> BoundedParser:
    protocol = BaseProtocol(asyncio.get_running_loop())
    parser = BoundedParser(HttpRequestParser(protocol, asyncio.get_running_loop(), limit), HEAD_BYTES)
    protocol._parser = parser  # type: ignore[assignment]
    protocol.transport = Mock(asyncio.Transport)
    return parser


def paths(requests: Sequence[Parsed]) -> list[str]:
    return [message.path for message, _ in requests]


async def test_requests_come_out_as_they_are_in_pieces_of_any_size() -> None:
    data = b"".join(
        b"GET /%d HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (number, b"a" * 700) for number in range(40)
    )
    for size in (1, 700, 4096, len(data)):
        parser = new_parser()
        found: list[str] = []
        for at in range(0, len(data), size):
            requests, is_upgraded, tail = parser.feed_data(data[at : at + size])
            assert (is_upgraded, tail) == (False, b"")
            while requests:
                found += paths(requests)
                for _ in requests:
                    parser.message_consumed()
                requests, _, _ = parser.feed_data(b"")
        assert found == [f"/{number}" for number in range(40)]


async def test_few_requests_are_parsed_before_their_turn_comes() -> None:
    parser = new_parser()
    one = GET + b"X: " + b"a" * 3000 + b"\r\n\r\n"
    requests, _, _ = parser.feed_data(one * 60)
    assert len(requests) <= MAX_WAITING + PIECE_BYTES // len(one) + 1
    assert parser.held_bytes >= 60 * len(one)


async def test_what_comes_behind_an_upgrade_is_given_back_whole() -> None:
    upgrade = GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    frames = bytes(range(256)) * 100
    requests, is_upgraded, tail = new_parser().feed_data(upgrade + frames)
    assert (len(requests), is_upgraded, tail) == (1, True, frames)


@pytest.mark.parametrize("size", [100, 5000, 10**6])
@pytest.mark.parametrize("begin", [GET, CHUNKED + b"1\r\na\r\n0\r\n"], ids=["head", "trailers"])
async def test_a_head_has_a_bound_and_so_have_trailers(begin: bytes, size: int) -> None:
    parser = new_parser()
    line = b"X: " + b"a" * 1000 + b"\r\n"
    data = begin + line * 100
    fed = 0

    def feed() -> None:
        nonlocal fed
        for at in range(0, len(data), size):
            parser.feed_data(data[at : at + size])
            fed += size

    with pytest.raises(LineTooLong):
        feed()
    assert fed <= len(begin) + HEAD_BYTES + PIECE_BYTES


async def test_a_head_at_the_bound_is_taken() -> None:
    head = GET + (b"X: " + b"a" * 1000 + b"\r\n") * 15 + b"\r\n"
    assert HEAD_BYTES - 2 * 1024 < len(head) <= HEAD_BYTES
    requests, _, _ = new_parser().feed_data(head)
    assert len(requests) == 1


@pytest.mark.parametrize("chunk", [1, 3000, 60_000])
async def test_a_body_of_any_length_is_no_head(chunk: int) -> None:
    parser = new_parser()
    (((_, body),), _, _) = parser.feed_data(CHUNKED)
    received = 0
    for _ in range(200_000 // chunk):
        parser.feed_data(b"%x\r\n%s\r\n" % (chunk, bytes(chunk)))
        while part := body.read_nowait():
            received += len(part)
    parser.feed_data(b"0\r\n\r\n")
    assert body.is_eof()
    assert received == 200_000 // chunk * chunk


async def test_a_body_that_is_not_read_waits_and_counts_and_is_read_later() -> None:
    parser = new_parser(limit=1000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    (((_, body),), _, _) = parser.feed_data(head + bytes(100_000))
    assert body.total_bytes <= 2 * PIECE_BYTES
    assert 100_000 - len(head) <= parser.held_bytes < 105_000
    while not body.is_eof():
        # What was paused goes on when it is read: the protocol says so with an empty piece.
        body.read_nowait()
        parser.feed_data(b"")
    body.read_nowait()
    assert body.total_bytes == 100_000


@pytest.mark.parametrize(
    "line",
    [b"X: " + b"a" * 990 + b"\r\n", b"X: " + "\U0001f600".encode() + b"a" * 990 + b"\r\n"],
    ids=["text", "wide text"],
)
async def test_a_head_counts_for_what_it_takes(line: bytes) -> None:
    parsers = [new_parser() for _ in range(50)]
    halves = [GET + line * 15 for _ in parsers]
    tracemalloc.start()
    try:
        for parser, half in zip(parsers, halves, strict=True):
            parser.feed_data(half)
        taken = tracemalloc.get_traced_memory()[0] / 50
        assert taken <= parsers[0].held_bytes <= 6 * 16_000
        requests = [parser.feed_data(b"\r\n") for parser in parsers]
        for parser in parsers:
            parser.message_consumed()
        taken = tracemalloc.get_traced_memory()[0] / 50
        assert taken <= parsers[0].held_bytes + 4096
    finally:
        tracemalloc.stop()
    assert len(requests) == 50
    assert parsers[0].held_bytes >= HEAD_COPIES * 15_000


async def test_many_short_headers_count_too() -> None:
    parser = new_parser()
    tracemalloc.start()
    try:
        parser.feed_data(GET + b"".join(b"x%d:\r\n" % number for number in range(120)))
        assert tracemalloc.get_traced_memory()[0] <= parser.held_bytes
    finally:
        tracemalloc.stop()


async def test_what_is_no_request_is_still_none() -> None:
    with pytest.raises(HttpProcessingError):
        new_parser().feed_data(b"\x00\x01")


async def test_nobody_waits_for_the_rest_of_a_body_whose_client_is_gone() -> None:
    parser = new_parser()
    ((_, body),), _, _ = parser.feed_data(CHUNKED + b"4\r\nhalf\r\n")
    assert not body.is_eof()
    assert await body.readany() == b"half"
    waiting = asyncio.create_task(body.readany())
    await asyncio.sleep(0)
    parser.forget()
    assert await asyncio.wait_for(waiting, TIMEOUT_S) == b""
    assert body.is_eof()
    assert parser.held_bytes == 0
