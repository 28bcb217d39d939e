"""How far a replay is, on a terminal: for what replays the log of one shop."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def replay_bar(doing: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far something is while the block runs; elsewhere nothing.

    What it gives is told how many more sets were replayed, and of how many.
    """
    if not sys.stderr.isatty():
        yield lambda _count, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=None)

        def advance(count: int, total: int) -> None:
            progress.update(task, total=total, advance=count, description=f"{doing}, {total:,} sets")

        yield advance
