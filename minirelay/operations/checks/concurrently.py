"""Checks run beside each other, each within a time: what hangs keeps nothing else from being said."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from minirelay.chain.errors import ChainUnreachable
from minirelay.errors import MinirelayError
from minirelay.operations.checks.result import Line, Result, fail, warn

LIMIT_S: Final = 10.0
"""What each check may take, and so all of them together."""

_HANGS: Final = "see whether the network, the endpoints and the disk answer, then run it again"


@dataclass(frozen=True, slots=True)
class Check:
    """A check that was begun. line: what is said of it if it can't be made."""

    line: Line
    work: Awaitable[Sequence[Result]]


async def run_checks(checks: Sequence[Check], limit_s: float = LIMIT_S) -> list[Result]:
    """Run checks beside each other; give their results in the order of the checks."""
    found = await asyncio.gather(*(_run(check, limit_s) for check in checks))
    return [result for results in found for result in results]


async def _run(check: Check, limit_s: float) -> Sequence[Result]:
    try:
        async with asyncio.timeout(limit_s):
            return await check.work
    except TimeoutError:
        return [warn(check.line, f"not known: no answer within {limit_s:g} s", _HANGS)]
    except ChainUnreachable:
        # The lines of its endpoints say what is wrong with them.
        return [warn(check.line, "not known: no endpoint of the chain answers", "see `endpoint`")]
    except (MinirelayError, OSError) as error:
        what, _, remedy = str(error).partition("; ")
        return [fail(check.line, what, remedy or "see what it says, then run it again")]
