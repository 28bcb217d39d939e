"""Whether the system lets the relay open a file for each session."""

import resource

from minirelay.config.limits import LimitSettings
from minirelay.operations.checks.result import Line, Result, ok, warn


def check_open_files(limits: LimitSettings) -> Result:
    """Say whether this user's processes may open as many files as the relay may have connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return judge_open_files(None if hard == resource.RLIM_INFINITY else hard, limits)


def judge_open_files(allowed: int | None, limits: LimitSettings) -> Result:
    """Compare what is allowed with what is needed. allowed: None for any number."""
    needed = limits.max_sessions + limits.reserved_files
    if allowed is None or allowed >= needed:
        return ok(Line.OPEN_FILES, f"{'any number' if allowed is None else f'{allowed:,}'} allowed")
    return warn(
        Line.OPEN_FILES,
        f"{allowed:,} allowed, {needed:,} needed for limits.max_sessions",
        "raise the limit (LimitNOFILE in systemd, ulimit -Hn), or lower limits.max_sessions",
    )
