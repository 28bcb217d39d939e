import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from minirelay.config.settings import Settings
from minirelay.config.urls import EndpointUrl
from minirelay.errors import ConfigError
from minirelay.operations.checks.result import Verdict
from minirelay.operations.checks.webhook import check_webhook

KEY = "path-of-the-provider"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("s" * 64)
    file.chmod(0o600)
    return file


def settings(url: str, secret: Path) -> Settings:
    return Settings(webhook_url=EndpointUrl.parse(url), webhook_secret_file=secret)


async def test_a_receiver_is_asked_without_posting_anything(secret: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.method)
        return web.Response(status=405)

    app = web.Application()
    app.router.add_route("*", f"/{KEY}", answer)
    async with TestServer(app) as server:
        url = str(server.make_url(f"/{KEY}"))
        (found,) = await check_webhook(settings(url, secret))
    assert (found.verdict, asked) == (Verdict.OK, ["HEAD"])
    (found,) = await check_webhook(settings(url, secret))
    assert found.verdict is Verdict.FAIL
    assert KEY not in found.text + found.remedy


def test_a_secret_that_can_not_be_read_is_an_error(secret: Path) -> None:
    secret.chmod(0o644)
    with pytest.raises(ConfigError):
        asyncio.run(check_webhook(settings("http://127.0.0.1:1/", secret)))


async def test_without_a_webhook_there_is_nothing_to_say() -> None:
    assert await check_webhook(Settings()) == []
