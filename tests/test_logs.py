"""Structured logging: one line per event, fields, nothing that breaks a line."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from minirelay.logs import Format, bound, configure

log = logging.getLogger("minirelay.test")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # basicConfig(force=True) closes the handlers it removes: pytest's own have to be out of its way.
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("minirelay").setLevel(logging.NOTSET)


def written(log_format: Format, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure(level, log_format, stream)
    return stream


def objects(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_text() -> None:
    stream = written("text")
    log.warning("an endpoint failed", extra={"chain": 1, "reason": 'no "answer"', "empty": ""})
    time, _, rest = stream.getvalue().partition(" ")
    assert rest == 'warning an endpoint failed chain=1 reason="no \\"answer\\"" empty=""\n'
    assert time.endswith("Z")
    assert len(time) == len("2025-06-01T10:00:00.000Z")


def test_json() -> None:
    stream = written("json")
    log.info("a card was %s", "enrolled", extra={"shop": "0x1", "size": 5})
    (line,) = objects(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "minirelay.test",
        "event": "a card was enrolled",
        "shop": "0x1",
        "size": 5,
    }


@pytest.mark.parametrize("hostile", ["a\nlevel=error", "\x1b[2J", "a\u2028b", "\r", "tab\t", 'q"=\\'])
def test_strangers_words_stay_on_their_line(hostile: str) -> None:
    stream = written("text")
    log.info("said", extra={"words": hostile})
    log.info(f"said {hostile}")
    lines = stream.getvalue()
    assert lines.count("\n") == 2
    assert lines.replace("\n", "").isprintable()


def test_json_lines_stay_lines() -> None:
    stream = written("json")
    log.info("said\n{}", extra={"words": "a\nb", "thing": object})
    (line,) = objects(stream)
    assert line["words"] == "a\nb"
    assert stream.getvalue().count("\n") == 1


def test_levels() -> None:
    stream = written("text", "warning")
    log.info("unheard")
    log.error("heard")
    assert stream.getvalue().count("\n") == 1


def test_libraries_do_not_log_what_they_are_given() -> None:
    stream = written("text", "debug")
    log.debug("heard")
    for library in ("aiosqlite", "asyncio", "aiohttp.access"):
        logging.getLogger(library).info("executing with ('a customer',)")
        logging.getLogger(library).warning("heard")
    assert "customer" not in stream.getvalue()
    assert stream.getvalue().count("heard") == 4


async def test_bound_fields_go_with_the_task() -> None:
    stream = written("json")

    async def work() -> None:
        log.info("inside")

    async def session(number: int) -> None:
        with bound(session=number):
            await asyncio.sleep(0)
            with bound(request=number * 10):
                await asyncio.create_task(work())
            log.info("after")

    await asyncio.gather(session(1), session(2))
    log.info("outside")
    found = [(line["event"], line.get("session"), line.get("request")) for line in objects(stream)]
    assert sorted(found, key=str) == [
        ("after", 1, None),
        ("after", 2, None),
        ("inside", 1, 10),
        ("inside", 2, 20),
        ("outside", None, None),
    ]


def test_exceptions_come_with_their_traceback() -> None:
    for log_format in ("text", "json"):
        stream = written(log_format)
        try:
            raise ValueError("the cause")
        except ValueError:
            log.exception("it failed", extra={"path": "/x"})
        assert "ValueError: the cause" in stream.getvalue()
        assert "Traceback" in stream.getvalue()
