"""`minirelay webhook test`: posts an event that tells nothing, and prints what is answered."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

import click

from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.config.settings import Settings
    from minirelay.operations.webhook_post import WebhookAnswer

FOR_POSTING: Final = ("webhook_url", "webhook_secret_file")
_MOST_BYTES: Final = 1024


@click.group()
def webhook() -> None:
    """Try the webhook that is told of alerts and payments."""


@webhook.command(cls=CommandWithSettings, settings=FOR_POSTING)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(as_json: bool, **given: Any) -> int:
    """Post an event of the type "test", signed like all others, and print what is answered.

    It needs no relay that runs. The exit code is 1 unless the answer's status is one of 200 to 299.
    """
    settings = read_settings(given)
    with busy("posting"):
        posted, answer = _posted(settings)
    _print(_host(settings), posted, answer, as_json=as_json)
    if answer.is_taken:
        return 0
    click.echo(f"Not taken: {_remedy(answer.status)}", err=True)
    return 1


def _posted(settings: "Settings") -> "tuple[str, WebhookAnswer]":
    """Raises ConfigError; WebhookFailure, which says of which host, and what to do."""
    from minirelay.operations.webhook_post import WebhookFailure

    try:
        return asyncio.run(_post(settings))
    except WebhookFailure as error:
        raise WebhookFailure(
            f"{_host(settings)}: {error}; see whether the receiver runs, and that webhook_url is its address"
        ) from error


def _host(settings: "Settings") -> str:
    """Name where it goes: without the path, which may hold a key."""
    return "" if settings.webhook_url is None else settings.webhook_url.shown


def _remedy(status: int) -> str:
    """Say what to do about an answer."""
    if 300 <= status < 400:
        return "it leads elsewhere, and redirects are not followed; put the last URL into webhook_url"
    if status in (401, 403):
        return "the receiver refuses it; compare the secret there with webhook_secret_file"
    if status in (404, 405, 410):
        return "nothing takes events there; compare the path in webhook_url with the receiver's"
    return "see the receiver's log; docs/webhook.md says what is posted, and how it is signed"


async def _post(settings: "Settings") -> "tuple[str, WebhookAnswer]":
    """Post an event; return its id and the answer. Raises ConfigError, WebhookFailure."""
    import secrets
    from datetime import UTC, datetime

    from minirelay.chain.endpoint import open_http
    from minirelay.operations.webhook_document import ID_BITS, describe_test, encode_document
    from minirelay.operations.webhook_post import WebhookPoster
    from minirelay.operations.webhook_signature import read_secret

    settings.check_webhook()
    if settings.webhook_url is None or settings.webhook_secret_file is None:
        raise ConfigError("not configured: webhook_url; docs/webhook.md says what it is for")
    secret, timeout_s = read_secret(settings.webhook_secret_file), settings.limits.webhook_timeout
    now = datetime.now(UTC)
    document = describe_test(secrets.randbits(ID_BITS), int(now.timestamp()))
    async with open_http() as http:
        poster = WebhookPoster(http, settings.webhook_url, secret, lambda: now, timeout_s=timeout_s)
        answer = await poster.ask(encode_document(document), _MOST_BYTES)
    return str(document["id"]), answer


def _print(host: str, posted: str, answer: "WebhookAnswer", *, as_json: bool) -> None:
    show(
        {
            "posted_to": host,
            "event": posted,
            "is_taken": answer.is_taken,
            "status": answer.status,
            "answer": answer.body.decode("utf-8", "replace"),
        },
        as_json=as_json,
    )
