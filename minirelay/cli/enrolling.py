"""Enrolling a key card at the relay that runs, as any client does (spec 05)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from minirelay.client import RelayClient
    from minirelay.config.settings import Settings
    from minirelay.protocol.signing import PrivateKey

_ENROLLED_ALREADY: Final = 409
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)


@dataclass(frozen=True, slots=True)
class NewCard:
    """What is to be enrolled, where: in the shop, at the relay with this token and base URL."""

    key_card: "PrivateKey"
    shop_id: int
    relay_token: int
    base_url: str


def relay_urls(settings: "Settings") -> list[str]:
    """List where this machine may reach the relay: where it listens, then where clients do."""
    host = _ANYWHERE.get(settings.listen_host, settings.listen_host)
    host = f"[{host}]" if ":" in host else host
    own = [f"http://{host}:{settings.listen_port}"] if settings.listen_port else []
    return [*own, str(settings.base_url)]


async def enrol_card(urls: Sequence[str], card: NewCard, wallet: "PrivateKey") -> None:
    """Enrol a key card; it is fine if it is a clerk's of this shop already.

    urls: where the relay may be. wallet: of the shop's owner. Raises ClickException.
    """
    from minirelay.client import ClientError, RelayUnreachable

    said: list[str] = []
    for url in urls:
        try:
            await _enrol(url, card, wallet)
        except RelayUnreachable as error:
            said.append(str(error))
        except ClientError as error:
            raise click.ClickException(f"the relay does not say whose the key card is: {error}") from error
        else:
            return
    raise click.ClickException(
        "the key card is not enrolled, the relay was not reached; start it (`minirelay serve`), or say with "
        f"--relay-url where it is, and run this again: {'; '.join(said)}"
    )


async def _enrol(url: str, card: NewCard, wallet: "PrivateKey") -> None:
    from minirelay.client import EnrolmentRefused, RelayClient, RelayUnreachable
    from minirelay.protocol.ids import show_token

    async with RelayClient.connect(url, shop_id=card.shop_id, key_card=card.key_card) as client:
        info = await client.info()
        if info.relay_token_id != card.relay_token:
            raise RelayUnreachable(
                f"{url} is another relay, with the token {show_token(info.relay_token_id)}"
            )
        try:
            await client.enrol(wallet, relay=info, base_url=card.base_url)
        except EnrolmentRefused as refused:
            if refused.status != _ENROLLED_ALREADY:
                raise click.ClickException(f"the relay does not enrol the key card: {refused}") from refused
            if not await _is_clerks(client, card.key_card):
                raise click.ClickException(
                    "the key card is of another shop, or was taken back: each is enrolled once, in one shop; "
                    "name a file that is not there with --key-card-file, and a new one is made"
                ) from refused


async def _is_clerks(client: "RelayClient", key_card: "PrivateKey") -> bool:
    """Return whether a key card is a clerk's in the shop, as the accounts in its log say."""
    from minirelay.client import ObjectType, RelayRefused, select
    from minirelay.client.signer_check import KeyCards
    from minirelay.errors import Code
    from minirelay.shop.access import Role

    cards = KeyCards()
    # Signers are not checked: it is the operator's own relay.
    accounts = client.subscribe(filters=[select(ObjectType.ACCOUNT)], check_signers=False)
    try:
        async with accounts:
            async for received in accounts:
                for patch in received.patches:
                    cards.apply(patch)
                if accounts.unpushed == 0:
                    break
    except RelayRefused as refused:
        # A shop has a log, and accounts, from its first key card on.
        if refused.code is not Code.NOT_FOUND:
            raise
    return cards.role_of(key_card.public_key) is Role.CLERK
