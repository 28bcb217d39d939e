"""What is shown while `minirelay dev` runs."""

import io
import logging
from collections.abc import Iterator

import pytest

from minirelay.cli.live_events import (
    MAX_CHARACTERS,
    MAX_LINES_PER_SECOND,
    WIDTH,
    LiveFormatter,
    LiveHandler,
    shortened,
    show_live,
)
from minirelay.logs import bound

SHOP = str(2**255)


def record(event: str, level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": event, "levelno": level, "levelname": logging.getLevelName(level)})
    vars(made).update(fields)
    return made


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def shown(*records: logging.LogRecord) -> list[str]:
    stream = io.StringIO()
    handler = LiveHandler(stream, Clock())
    for one in records:
        handler.emit(one)
    return stream.getvalue().splitlines()


def test_an_event_is_a_short_line() -> None:
    with bound(session="abcd", request="1234"):
        (line,) = shown(record("a write was accepted", shop=SHOP))
    assert line[8:] == "  a write was accepted, shop 57896044…9968"
    assert LiveFormatter({}).format(record("an event"))[8:] == "  an event", "no colour, no escape code"


def test_what_asks_for_attention_is_whole_and_the_rest_fits_the_terminal() -> None:
    long = "x" * 200
    told, warned = shown(record("an event", reason=long), record("a warning", logging.WARNING, reason=long))
    assert len(told) == WIDTH
    assert told.endswith("…")
    assert long in warned
    (bounded,) = shown(record("a warning", logging.WARNING, reason=long * 100))
    assert len(bounded) == MAX_CHARACTERS


def test_amounts_of_known_currencies_are_written_as_people_read_them() -> None:
    known, unknown = "0x" + "0" * 40, "0x" + "1" * 40
    formatter = LiveFormatter({known: ("coins", 18), unknown[:-1] + "2": ("EDD", 2)})

    def line(**fields: object) -> str:
        return formatter.format(record("a payment is short", logging.INFO, order=7, **fields))[10:]

    assert line(currency=known, total=2 * 10**15) == "a payment is short, order 7, 0.002 coins"
    assert line(currency=unknown[:-1] + "2", total=6321, received=100).endswith(", order 7, 1 of 63.21 EDD")
    assert "currency 0x111111…1111, total 6321" in line(currency=unknown, total=6321)
    assert "reason" not in line(reason="")


def test_what_came_of_how_much_is_never_cut_off_or_mangled() -> None:
    formatter = LiveFormatter({"coin": ("coins", 18)})
    line = formatter.format(
        record(
            "a payment request is short",
            shop=SHOP,
            order=14823099146208681776,
            total=128613333333333334,
            received=38584 * 10**12,
            currency="coin",
            chain=31337,
        )
    )
    assert line[10:].startswith("a payment request is short, order 1482…1776, 0.0385… of 0.1286… coins")
    assert len(line) <= WIDTH
    long = formatter.format(record("paid", total=2**128, currency="coin"))
    assert "340282366920938463463.… coins" in long, "digits before the point all stay"


def test_the_reason_comes_first() -> None:
    (line,) = shown(record("a write was refused", shop=SHOP, code="INVALID", reason="because"))
    assert line[10:] == "a write was refused, reason because, code INVALID, shop 57896044…9968"


def test_what_strangers_send_stays_on_its_line() -> None:
    (line,) = shown(record("a write was refused", reason="a\nb\x1b[2J"))
    assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "short"),
    [("0x" + "ab" * 20, "0xababab…abab"), ("31337", "31337"), ("a 0x" + "0" * 64, "a 0x000000…0000")],
)
def test_ids_are_shortened(text: str, short: str) -> None:
    assert shortened(text) == short


def test_what_was_shown_one_by_one_is_not_summed_up() -> None:
    assert shown(record("writes were refused", INVALID=3)) == []


def test_a_flood_is_counted() -> None:
    stream, clock = io.StringIO(), Clock()
    handler = LiveHandler(stream, clock)
    for _ in range(MAX_LINES_PER_SECOND + 50):
        handler.emit(record("a write was accepted"))
    handler.emit(record("a warning", logging.WARNING))
    clock.now += 1
    handler.emit(record("the next"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == MAX_LINES_PER_SECOND + 3
    assert "a warning" in lines[-3]
    assert lines[-2].endswith("… and 50 more")
    assert lines[-1].endswith("the next")


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    names = ("minirelay", "minirelay.relay.event_log")
    handlers, level = root.handlers[:], root.level
    levels = [logging.getLogger(name).level for name in names]
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, one in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(one)


def test_each_write_is_shown_and_libraries_only_when_they_warn(logging_as_before: None) -> None:
    stream = io.StringIO()
    show_live({}, stream)
    logging.getLogger("minirelay.relay.event_log").debug("a write was accepted")
    logging.getLogger("minirelay.store.writer").debug("a detail")
    logging.getLogger("aiohttp").info("a detail")
    assert [line[10:] for line in stream.getvalue().splitlines()] == ["a write was accepted"]


def test_no_id_is_cut_off_at_the_edge_of_the_terminal() -> None:
    ids = {"from": "0x" + "aB" * 20, "to": "0x" + "Cd" * 20, "tx": "0x" + "12" * 32}
    mined = record("a transaction was mined", logging.INFO, **ids)
    line = LiveFormatter({}).format(mined)
    assert line.endswith("from 0xaBaBaB…, to 0xCdCdCd…, tx 0x121212…")
    swept = record("a payment was swept", chain=31337, payment="cf" * 32)
    assert LiveFormatter({}).format(swept).endswith("a payment was swept, payment cfcfcfcf…cfcf")
    paid = record("a payment request is paid", chain=31337, order=2**63, payment="0x" + "cf" * 32)
    assert LiveFormatter({}).format(paid).endswith("a payment request is paid, order 9223…5808")
    late = record("a payment request is late", order=1003, shop=SHOP)
    assert LiveFormatter({}).format(late).endswith("order 1003, shop 57896044…9968")
    late = record("a payment request is late", order=1003, reason="x" * 20, shop=SHOP)
    assert LiveFormatter({}).format(late).endswith("order 1003, …")
