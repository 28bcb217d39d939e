"""`minirelay`, with its event loop watched: `python -m tests.system.watched_relay REPORT dev --json …`.

A turn of the loop is measured twice: by the processor time of the loop's thread, which no other process of a
busy machine adds to, and by the wall. Every half second the longest since the last SIGUSR1 are written
to REPORT.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

BEAT_S = 0.002
REPORT_S = 0.5


@dataclass
class Longest:
    """The longest turn: processor time of the loop's thread, and how late the next beat came."""

    turn_cpu_s: float = 0.0
    late_s: float = 0.0


class Watch:
    """Notes at every beat what the loop did since the last one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Path) -> None:
        self._loop = loop
        self._report = report
        self._longest = Longest()
        self._cpu_s, self._due = time.thread_time(), time.monotonic()
        self._reported_at = self._due
        loop.add_signal_handler(signal.SIGUSR1, self._reset)
        self._beat()

    def _reset(self) -> None:
        self._longest = Longest()
        self._write()

    def _beat(self) -> None:
        cpu_s, now = time.thread_time(), time.monotonic()
        self._longest.turn_cpu_s = max(self._longest.turn_cpu_s, cpu_s - self._cpu_s)
        self._longest.late_s = max(self._longest.late_s, now - self._due)
        if now - self._reported_at >= REPORT_S:
            self._reported_at = now
            self._write()
        self._cpu_s, self._due = time.thread_time(), time.monotonic() + BEAT_S
        self._loop.call_later(BEAT_S, self._beat)

    def _write(self) -> None:
        draft = self._report.with_suffix(".part")
        draft.write_text(json.dumps(asdict(self._longest)))
        draft.replace(self._report)


def read_report(report: Path) -> Longest:
    """Read what was written last."""
    return Longest(**json.loads(report.read_text()))


def reset(process_id: int) -> None:
    """Forget the longest turns so far."""
    os.kill(process_id, signal.SIGUSR1)


def main() -> int:
    """Run `minirelay` with the rest of the arguments."""
    from minirelay import event_loop
    from minirelay.cli.main import run

    report = Path(sys.argv[1])
    factory = event_loop.loop_factory() or asyncio.new_event_loop

    def watched() -> asyncio.AbstractEventLoop:
        loop = factory()
        loop.call_soon(Watch, loop, report)
        return loop

    def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
        return watched

    event_loop.loop_factory = loop_factory
    return run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
