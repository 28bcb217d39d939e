"""What commands that run until they are stopped have in common: a flag, signals, what the system allows."""

import asyncio
import logging
import resource
import signal

import click

log = logging.getLogger(__name__)

REQUEST_FILES = 64
"""Open files that are connections, but no sessions: requests over HTTP, clients that are about to connect."""


accept_loss_flag = click.option(
    "--accept-loss",
    "accepts_loss",
    is_flag=True,
    help="Go on if data is missing; all shops then count as restored (docs/backup.md).",
)


def stop_on_signals() -> None:
    """End this task, wherever it is, at the first signal; the second ends the process at once.

    A terminal that is closed says so with SIGHUP, perhaps twice: that one never ends it at once. Where it is
    ignored (nohup), it stays so.
    """
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)

    def stop(number: signal.Signals) -> None:
        log.info("stopping", extra={"signal": number.name})
        for one in numbers:
            loop.remove_signal_handler(one)
            signal.signal(one, signal.SIG_IGN if one is signal.SIGHUP else signal.SIG_DFL)
        if task is not None:
            task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, stop, number)


def allow_sessions(count: int, reserved: int) -> None:
    """Let this process open a file for each session: shells and systemd often allow no more than 1,024.

    reserved: files that are no connections, like the database.
    """
    needed = count + REQUEST_FILES + reserved
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # some systems know another bound, and say nothing of it before
        allowed = soft
    if allowed < needed:
        log.warning(
            "the system lets this process open fewer files than it may have sessions: "
            "raise the limit (LimitNOFILE in systemd, ulimit -Hn), or lower limits.max_sessions",
            extra={"files_allowed": allowed, "max_sessions": count},
        )
