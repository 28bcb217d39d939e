"""The latest lines of the log, in memory, never more."""

import logging

from minirelay.logs import LogBounds
from minirelay.operations.log_ring import MOST_BYTES, LogRing, log_kept

log = logging.getLogger("minirelay.tests.log_ring")
BOUNDS = LogBounds(1024, 10, 60.0)


def test_lines_are_found_by_level_and_words_newest_first() -> None:
    with log_kept(BOUNDS, 100) as ring:
        log.warning("a backup failed", extra={"file": "<b>"})
        log.error("the disk is full")
        log.warning("Backup again")
    found = ring.latest(most=10)
    assert [one["event"] for one in found] == ["Backup again", "the disk is full", "a backup failed"]
    assert found[-1]["file"] == "<b>"
    assert [one["event"] for one in ring.latest(most=10, level="error")] == ["the disk is full"]
    assert [one["event"] for one in ring.latest(most=1, words="BACKUP")] == ["Backup again"]
    log.warning("nobody keeps this")
    assert len(ring.latest(most=10)) == 3


def test_what_repeats_itself_is_counted() -> None:
    with log_kept(BOUNDS, 100) as ring:
        for number in range(50):
            log.warning("again", extra={"number": number})
        kept = len(ring.latest(most=100))
    assert kept == BOUNDS.burst
    assert ring.latest(most=1)[0]["left_out"] == 40


def test_lines_and_bytes_are_bounded() -> None:
    ring = LogRing(3)
    for number in range(5):
        ring.write(f'{{"level": "info", "event": "{number}"}}\n')
    assert [one["event"] for one in ring.latest(most=10)] == ["4", "3", "2"]
    large = LogRing(10**6)
    for _ in range(200):
        large.write(f'{{"level": "info", "event": "{"x" * 10_000}"}}\n')
    assert 50 < len(large.latest(most=1000)) <= MOST_BYTES // 10_000
