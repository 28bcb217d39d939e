"""`minirelay webhook test`: one event that tells nothing, and what was answered."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from minirelay.cli.main import run
from tests.operations.webhook_receiver import SECRET, Receiver, answering, receiver


@pytest.fixture
async def posted_to() -> AsyncIterator[Receiver]:
    async with receiver() as listening:
        yield listening


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "webhook.secret"
    path.touch(mode=0o600)
    path.write_bytes(SECRET)
    return path


async def post(url: str, secret_file: Path, *arguments: str) -> int:
    given = ["--webhook-url", url, "--webhook-secret-file", str(secret_file), *arguments]
    return await asyncio.to_thread(run, ["webhook", "test", *given])


async def test_a_test_is_posted_signed_and_the_answer_shown(
    posted_to: Receiver, secret_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await post(str.__str__(posted_to.url), secret_file, "--json") == 0
    (event,) = posted_to.taken
    assert event["type"] == "test"
    found = json.loads(capsys.readouterr().out)
    assert found.pop("posted_to") == posted_to.url.shown
    assert found == {"event": event["id"], "is_taken": True, "status": 204, "answer": ""}


async def test_what_is_not_taken_is_exit_code_1_and_shown_without_what_moves_a_terminal(
    posted_to: Receiver, secret_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(request: web.Request, event: object) -> web.StreamResponse:
        return web.Response(status=500, body=b"no such \x1b[31mtable" + b"x" * 10_000)

    posted_to.behaviour = refuse
    assert await post(str.__str__(posted_to.url), secret_file) == 1
    out = capsys.readouterr().out
    assert "500" in out
    assert "no such" in out
    assert "\x1b" not in out
    assert len(out) < 2500


async def test_a_redirect_is_shown_and_not_followed(
    posted_to: Receiver, secret_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    posted_to.behaviour = answering(302, Location="/elsewhere")
    assert await post(str.__str__(posted_to.url), secret_file, "--json") == 1
    assert json.loads(capsys.readouterr().out)["status"] == 302
    assert len(posted_to.paths) == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [(302, "redirects are not followed"), (403, "webhook_secret_file"), (404, "the path in"), (500, "log")],
)
async def test_what_to_do_is_said_where_it_is_not_taken(
    posted_to: Receiver, secret_file: Path, status: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    posted_to.behaviour = answering(status)
    assert await post(str.__str__(posted_to.url), secret_file, "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == status
    assert captured.err.startswith("Not taken: ")
    assert captured.err.count("\n") == 1
    assert advice in captured.err


def test_what_is_missing_or_wrong_is_one_line(
    unused_tcp_port: int, secret_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/a-key"
    assert asyncio.run(post(url, secret_file)) == 1
    refused = capsys.readouterr().err
    secret_file.chmod(0o644)
    assert asyncio.run(post(url, secret_file)) != 0
    too_open = capsys.readouterr().err
    assert f"127.0.0.1:{unused_tcp_port}" in refused
    assert "see whether the receiver runs" in refused
    assert run(["webhook", "test"]) != 0
    unset = capsys.readouterr().err
    for line, word in ((refused, "refused"), (too_open, "chmod 600"), (unset, "webhook_url")):
        assert line.count("\n") == 1
        assert word in line
        assert "a-key" not in line
        assert SECRET.decode() not in line
