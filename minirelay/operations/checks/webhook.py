"""Whether the receiver of the webhook is reached, without posting anything to it."""

import asyncio
from contextlib import nullcontext
from typing import Final

import aiohttp

from minirelay.chain.endpoint import open_http
from minirelay.chain.plain_http import only_private
from minirelay.config.settings import Settings
from minirelay.operations.checks.result import Line, Result, fail, ok
from minirelay.operations.webhook_signature import read_secret

TIMEOUT_S: Final = 6.0


async def check_webhook(settings: Settings) -> list[Result]:
    """Ask the receiver for the head of an answer: any will do. Raises ConfigError for its secret."""
    url = settings.webhook_url
    if url is None or settings.webhook_secret_file is None:
        return []
    await asyncio.to_thread(read_secret, settings.webhook_secret_file)
    try:
        async with asyncio.timeout(TIMEOUT_S), open_http() as http:
            with only_private() if url.is_plain else nullcontext():
                async with http.head(url, allow_redirects=False) as answer:
                    status = answer.status
    except (aiohttp.ClientError, OSError) as error:
        # Not the error's own text: it may hold the URL, and with it a key.
        return [
            fail(
                Line.WEBHOOK,
                f"{url.shown} is not reached ({type(error).__name__})",
                "start its receiver, or correct webhook_url; `minirelay webhook test` posts to it",
            )
        ]
    return [ok(Line.WEBHOOK, f"{url.shown} answers (HTTP {status})")]
