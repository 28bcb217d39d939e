"""`minirelay shop create`: brings a shop into being, with this relay in it, and enrols a first key card."""

import asyncio
import secrets
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from minirelay.cli.agreement import agree
from minirelay.cli.created_shop import CreatedShop, print_calls, print_shop
from minirelay.cli.inspection import shop_id_of
from minirelay.cli.output import busy
from minirelay.cli.setting_flags import CommandWithSettings, read_settings
from minirelay.errors import ConfigError

if TYPE_CHECKING:
    from minirelay.chain.shop_creation import Costs, Step, WantedShop
    from minirelay.chain.shop_registry import ShopReg
    from minirelay.chain.wallet import Wallet
    from minirelay.config.settings import Settings

T = TypeVar("T")

_SETTINGS = ("data_dir", "base_url", "registry_chain", "relay_token_id")
_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags say."""

    key_file: Path | None
    owner: str | None
    shop_id: str | None
    another: bool
    token_uri: str | None
    card_file: Path | None
    relay_url: str | None
    is_agreed: bool
    as_json: bool


@click.command(cls=CommandWithSettings, settings=_SETTINGS)
@click.option(
    "--wallet-key-file",
    "key_file",
    type=_FILE,
    help="Key of the wallet that is to own the shop, mode 0600: it sends. Never the relay's own.",
)
@click.option("--owner", metavar="ADDRESS", help="Without its key: the wallet, for calls that it can send.")
@click.option("--shop", "shop_id", metavar="ID", help="Go on with this shop.  [default: one of one's own]")
@click.option("--another", is_flag=True, help="One more shop for a wallet that has some.")
@click.option(
    "--token-uri", metavar="URI", help="Where the shop's name and picture are described, for web shops."
)
@click.option(
    "--key-card-file",
    "card_file",
    type=_FILE,
    help="Enrol a key card, at the relay that runs; made in this file if that is not there.",
)
@click.option(
    "--relay-url", metavar="URL", help="Where the relay is, for enrolling.  [default: here, or base_url]"
)
@click.option("--yes", "is_agreed", is_flag=True, help="Send what is needed without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(
    key_file: Path | None,
    owner: str | None,
    shop_id: str | None,
    another: bool,
    token_uri: str | None,
    card_file: Path | None,
    relay_url: str | None,
    is_agreed: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Mint a shop, list this relay in it, enrol a first key card.

    With the owner's key it shows what it would send and what that costs, and asks. Without, it prints the
    calls, for a wallet or for `cast`. Run it again after whatever interruption: it asks the registry what is
    there, and does what is missing.

    \b
    For example:
      minirelay shop create --wallet-key-file owner.key --key-card-file card.key
      minirelay shop create --owner 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266
    """
    from minirelay.logs import configure

    settings = read_settings(given)
    settings.require("base_url", f"chains.{settings.registry_chain}.rpc_urls")
    # What goes wrong on the way ends up in the one line at the end.
    configure("error", settings.log_format, settings.log_bounds)
    asked = Asked(key_file, owner, shop_id, another, token_uri, card_file, relay_url, is_agreed, as_json)
    if (key_file is None) == (owner is None):
        raise ConfigError(
            "say who owns the shop: --wallet-key-file FILE to send, or --owner ADDRESS for calls"
        )
    if key_file is None:
        if card_file is not None:
            raise ConfigError(
                "--key-card-file: the owner's wallet signs that, so it needs --wallet-key-file; or enrol one "
                "in the web shop"
            )
        _print_calls(settings, asked)
    else:
        _create(settings, asked, key_file)


def _print_calls(settings: "Settings", asked: Asked) -> None:
    from minirelay.config.chain_values import Address

    try:
        owner = Address.parse(asked.owner)
    except ValueError as error:
        raise ConfigError(f"--owner {asked.owner}: {error}") from error
    with _opened(settings) as creation:
        wanted = creation.wanted(bytes(owner), asked)
        shop_id = creation.choose(wanted, asked, None)
        steps = creation.missing(shop_id, wanted)
    print_calls(CreatedShop(settings, shop_id, wanted), steps, as_json=asked.as_json)


def _create(settings: "Settings", asked: Asked, key_file: Path) -> None:
    from minirelay.chain.wallet import key_file_lock, load_wallet

    wallet = load_wallet(key_file, named="--wallet-key-file")
    with key_file_lock(key_file), _opened(settings) as creation:
        creation.check_wallet(wallet)
        wanted = creation.wanted(wallet.address, asked)
        shop_id = creation.choose(wanted, asked, wallet)
        steps = creation.missing(shop_id, wanted)
        if steps:
            creation.send(wallet, shop_id, steps, is_agreed=asked.is_agreed)
        shop = CreatedShop(settings, shop_id, wanted, sent=tuple(step.what for step in steps))
        if asked.card_file is not None:
            shop = creation.enrol(shop, wallet, asked.card_file, asked.relay_url)
    print_shop(shop, as_json=asked.as_json)


class _Creation:
    """Asks the registry, and sends; people are asked in between, so that Ctrl-C ends the question."""

    def __init__(self, runner: asyncio.Runner, on: "_Opened", settings: "Settings") -> None:
        self._runner = runner
        self._registry = on.registry
        self._token = on.token
        self._relay_wallet = on.relay_wallet
        self._settings = settings

    def check_wallet(self, wallet: "Wallet") -> None:
        """Refuse the relay's own wallet: its key lies on a server, and a running relay sends with it."""
        if wallet.address == self._relay_wallet:
            raise ConfigError(
                "--wallet-key-file: that is the relay's own wallet; take one that belongs to the shop's owner"
            )

    def wanted(self, owner: bytes, asked: Asked) -> "WantedShop":
        from minirelay.chain.shop_creation import WantedShop

        return WantedShop(owner, self._token, asked.token_uri)

    def choose(self, wanted: "WantedShop", asked: Asked, wallet: "Wallet | None") -> int:
        from minirelay.chain.shop_creation import choose_shop, numbered_shop

        if asked.shop_id is not None:
            return shop_id_of(asked.shop_id)

        def draw(number: int) -> int:
            if wallet is None:
                return secrets.randbits(256)
            return numbered_shop(wallet.key, self._registry, number)

        return self._ask(choose_shop(self._registry, wanted, draw, another=asked.another))

    def missing(self, shop_id: int, wanted: "WantedShop") -> "list[Step]":
        from minirelay.chain.shop_creation import missing_steps

        return self._ask(missing_steps(self._registry, shop_id, wanted))

    def send(self, wallet: "Wallet", shop_id: int, steps: "list[Step]", *, is_agreed: bool) -> None:
        from minirelay.chain.sending import Sender
        from minirelay.chain.shop_creation import ShopSending

        sending = ShopSending(Sender(self._registry.chain, wallet, named="the owner's wallet"))
        costs = self._ask(sending.price(steps))
        if not self._agree(shop_id, steps, costs, is_agreed=is_agreed):
            raise click.ClickException("nothing was sent")
        for step, cost in zip(steps, costs.each, strict=True):
            self._ask(sending.send(step, cost), f"on chain {self._registry.chain.chain_id}: {step.what}")

    def enrol(self, shop: CreatedShop, wallet: "Wallet", file: Path, relay_url: str | None) -> CreatedShop:
        from minirelay.cli.enrolling import NewCard, enrol_card, relay_urls
        from minirelay.cli.key_card_file import make_or_read

        key_card = make_or_read(file)
        card = NewCard(key_card, shop.shop_id, self._token, str(self._settings.base_url))
        urls = relay_urls(self._settings) if relay_url is None else [relay_url]
        self._ask(enrol_card(urls, card, wallet.key), "enrolling the key card")
        return shop.with_card(file, key_card.public_key)

    def _agree(self, shop_id: int, steps: "list[Step]", costs: "Costs", *, is_agreed: bool) -> bool:
        from minirelay.chain.amounts import show_balance, show_cost
        from minirelay.protocol.signing import checksum_address

        chain_id = self._registry.chain.chain_id
        total = show_cost(costs.total, chain_id)
        lines = [
            "For shop",
            f"  {shop_id}",
            f"on chain {chain_id} (ShopReg {checksum_address(self._registry.address)}), this will",
            *(
                f"  {step.what:<22}for at most {show_cost(cost, chain_id)}"
                for step, cost in zip(steps, costs.each, strict=True)
            ),
            f"  {'together':<22}at most {total}; the wallet has {show_balance(costs.balance, chain_id)}",
        ]
        what = ", ".join(step.what for step in steps)
        in_a_line = f"this would {what} on chain {chain_id} for at most {total}"
        return agree("\n".join(lines), in_a_line, is_agreed=is_agreed)

    def _ask(self, work: Coroutine[Any, Any, T], what: str = "asking the registry") -> T:
        with busy(what):
            return self._runner.run(work)


@dataclass(frozen=True, slots=True)
class _Opened:
    registry: "ShopReg"
    token: int
    relay_wallet: bytes


@contextmanager
def _opened(settings: "Settings") -> Iterator[_Creation]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            yield _Creation(runner, runner.run(_open(settings, stack)), settings)
        finally:
            runner.run(stack.aclose())


async def _open(settings: "Settings", stack: AsyncExitStack) -> "_Opened":
    from minirelay.chain.relay_registry import RelayReg
    from minirelay.chain.shop_registry import ShopReg
    from minirelay.cli.remembered_token import relay_token
    from minirelay.composition.registry import open_registry_chain
    from minirelay.protocol.ids import show_token

    token = await relay_token(settings)
    chain = await stack.enter_async_context(open_registry_chain(settings))
    contracts = settings.chain(settings.registry_chain)
    registry = ShopReg(chain, bytes(contracts.shop_reg))
    await registry.prove()
    relay_wallet = await RelayReg(chain, bytes(contracts.relay_reg)).owner_of(token)
    if relay_wallet is None:
        raise ConfigError(
            f"there is no relay token {show_token(token)} on chain {chain.chain_id}: run `minirelay register`"
        )
    return _Opened(registry, token, relay_wallet)
