import asyncio
from collections.abc import Sequence

from minirelay.chain.errors import ChainUnreachable
from minirelay.errors import StoreError
from minirelay.operations.checks.concurrently import Check, run_checks
from minirelay.operations.checks.result import Line, Result, Verdict, ok


async def says(line: Line) -> Sequence[Result]:
    return [ok(line, "it is")]


async def hangs(_line: Line) -> Sequence[Result]:
    await asyncio.Event().wait()
    raise AssertionError


async def test_what_hangs_is_said_and_keeps_nothing_else_from_being_said() -> None:
    lines = [Line.ENDPOINT, Line.DISK, Line.TOKEN]
    works = [hangs(lines[0]), says(lines[1]), hangs(lines[2])]
    checks = [Check(line, work) for line, work in zip(lines, works, strict=True)]
    found = await run_checks(checks, limit_s=0.05)
    assert [(one.line, one.verdict) for one in found] == [
        (Line.ENDPOINT, Verdict.WARN),
        (Line.DISK, Verdict.OK),
        (Line.TOKEN, Verdict.WARN),
    ]


async def test_checks_run_beside_each_other() -> None:
    barrier = asyncio.Barrier(3)

    async def meets(line: Line) -> Sequence[Result]:
        await barrier.wait()
        return [ok(line, "met")]

    found = await run_checks([Check(Line.DISK, meets(Line.DISK)) for _ in range(3)])
    assert [one.text for one in found] == ["met"] * 3


async def fails(error: Exception) -> Sequence[Result]:
    raise error


async def test_what_goes_wrong_is_a_line_and_a_silent_chain_none_that_fails() -> None:
    wrong = [StoreError("the file is odd; look at it"), OSError("no"), ChainUnreachable("nobody there")]
    found = await run_checks([Check(Line.ALERTS, fails(error)) for error in wrong])
    assert [one.verdict for one in found] == [Verdict.FAIL, Verdict.FAIL, Verdict.WARN]
    assert (found[0].text, found[0].remedy) == ("the file is odd", "look at it")
