"""Structured logging: one line per event, fields, nothing that breaks a line."""

import asyncio
import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from minirelay.logs import Format, LogBounds, bound, configure
from tests.limits import UNSET

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
    logging.captureWarnings(False)


def written(log_format: Format, level: str = "info", bounds: LogBounds = UNSET.log_bounds) -> io.StringIO:
    stream = io.StringIO()
    configure(level, log_format, bounds, stream)
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


HUGE = [
    "a" * 3_000_000,
    "\x00" * 3000,
    "\U0001f600" * 3000,
    '"' * 3000,
    "é" * 3000,
    b"\xff" * 100_000,
    "\udcff" * 3000,
]


@pytest.mark.parametrize("huge", HUGE, ids=lambda value: repr(value[:2]))
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_line_has_a_size_whatever_is_logged(log_format: Format, huge: str | bytes) -> None:
    stream = written(log_format)
    log.warning("heard %s", huge, extra={"words": huge, "more": huge})
    log.warning("heard", extra={f"field_{number}": huge for number in range(200)})
    log.warning("heard", extra={"list": [huge] * 10})
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    for line in lines:
        assert len(line.encode("utf-8", "backslashreplace")) <= UNSET.log_bounds.line_bytes
        assert "heard" in line
        assert "cut" in line
        if log_format == "json":
            assert json.loads(line)["cut"] is True


def test_what_fits_is_not_cut() -> None:
    stream = written("json")
    words = "b" * 200
    log.warning("a" * 400, extra={"words": words, "number": 5, "list": [1, 2]})
    (line,) = objects(stream)
    assert (line["event"], line["words"], line["number"], line["list"]) == ("a" * 400, words, 5, [1, 2])
    assert "cut" not in line


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_long_field_leaves_room_for_the_others(log_format: Format) -> None:
    stream = written(log_format, bounds=replace(UNSET.log_bounds, line_bytes=256))
    log.warning("it happened", extra={"words": "a" * 5000, "shop": "0x1234"})
    (line,) = stream.getvalue().splitlines()
    assert "0x1234" in line
    assert len(line) <= 256


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_has_a_size_too(log_format: Format) -> None:
    stream = written(log_format)
    try:
        raise ValueError("a\x1b[2Jb" * 100_000)
    except ValueError:
        log.exception("it failed")
    assert 4000 < len(stream.getvalue()) < 60_000
    assert "test_a_traceback_has_a_size_too" in stream.getvalue()
    assert stream.getvalue().replace("\n", "").isprintable()


def test_what_repeats_itself_is_counted() -> None:
    stream = written("json")
    for number in range(1000):
        log.warning(f"a stranger said {number}")
    log.warning("something else")
    assert [line["event"] for line in objects(stream)] == [
        *(f"a stranger said {number}" for number in range(10)),
        "something else",
    ]
    logging.getLogger().handlers[0].close()
    last = objects(stream)[-1]
    assert (last["event"], last["left_out"], last["level"]) == ("a stranger said 10", 990, "warning")


def test_the_count_comes_by_itself() -> None:
    told = threading.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            if "left_out" in text:
                told.set()
            return super().write(text)

    stream = Stream()
    configure("info", "json", replace(UNSET.log_bounds, burst=1, interval_s=0.02), stream)
    for _ in range(3):
        log.warning("again")
    assert told.wait(20)
    logging.getLogger().handlers[0].close()
    said = [line.get("left_out", 0) for line in objects(stream)]
    assert sum(said) + said.count(0) >= 3
    assert len(said) <= 3


def test_a_library_that_says_the_same_of_everybody_is_counted() -> None:
    stream = written("text")
    library = logging.getLogger("aiohttp.websocket")
    for number in range(60):
        library.warning("Client protocols %r don't overlap", [f"{number}" + "p" * 6000])
    assert len(stream.getvalue()) <= 10 * (UNSET.log_bounds.line_bytes + 1)


def test_warnings_of_the_language_are_lines_too() -> None:
    stream = written("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("never awaited", RuntimeWarning, stacklevel=1)
    (line,) = objects(stream)
    assert "never awaited" in line["event"]
    assert line["logger"] == "py.warnings"
