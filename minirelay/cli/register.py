"""`minirelay register`: mints or checks the relay's token."""

import asyncio
import shlex
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from minirelay.cli.agreement import agree
from minirelay.cli.operating import NoRelayRuns, ask_relay
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.chain.registration import Need, Registration, Result
    from minirelay.config.settings import Settings

T = TypeVar("T")

_TIMEOUT_S: Final = 600.0
_FOR_PEOPLE: Final = {
    "minted": "minted",
    "checked": "only checked: the wallet owns it, nothing was sent",
    "updated": "checked, and its URI updated",
}


@click.command(cls=CommandWithSettings)
@click.option("--yes", is_flag=True, help="Send the transaction that is needed without asking.")
@click.option(
    "--new-token", is_flag=True, help="Mint another token where the wallet does not own the relay's."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def register(yes: bool, new_token: bool, as_json: bool, **given: Any) -> None:
    """Mint the relay's token, or check the one that it has.

    The token is what a shop lists in the registry to say that this relay serves it. Minting costs a fee,
    which the relay's wallet pays; so does updating the token's URI where base_url is another one. What would
    be sent is shown first. If the relay runs, it sends.

    \b
    For example:
      minirelay register
      minirelay register --yes --json
    """
    from minirelay.logs import configure

    settings = read_settings(given)
    settings.require_serving()
    # What goes wrong on the way ends up in the one line at the end.
    configure("error", settings.log_format, settings.log_bounds)
    try:
        token_id, result = _through_the_relay(settings, is_agreed=yes)
    except NoRelayRuns:
        with _opened(settings, is_agreed=yes) as registering:
            token_id, result = registering.register(new_token=new_token)
    if as_json:
        show(_document(settings, token_id, result), as_json=True)
    else:
        click.echo(_text(settings, token_id, result, given["config_file"]))


def _text(settings: "Settings", token_id: int, result: "Result", config_file: Path | None) -> str:
    """Write what people get, on lines of 80 columns: what is copied is not cut by the terminal's edge.

    config_file: as it was named by a flag.
    """
    from minirelay.protocol.ids import show_token

    config = "" if config_file is None else f" --config {shlex.quote(str(config_file))}"
    chain_id = settings.registry_chain
    return "\n".join(
        [
            f"relay token  {show_token(token_id)}",
            "in decimal",
            f"  {token_id}",
            f"chain        {chain_id}",
            f"result       {_FOR_PEOPLE[result]}",
            "",
            "Next, the relay, and while it runs a shop that lists it:",
            f"  minirelay serve{config}",
            f"  minirelay shop create{config} \\",
            "    --wallet-key-file OWNER.key --key-card-file CARD.key",
            f"Or the owner of a shop that is there calls, on chain {chain_id},",
            f"  ShopReg    {_shop_reg(settings)}",
            "  addRelay   with the shop's id and the token",
        ]
    )


def _shop_reg(settings: "Settings") -> str:
    from minirelay.protocol.signing import checksum_address

    return checksum_address(bytes(settings.chain(settings.registry_chain).shop_reg))


def _document(settings: "Settings", token_id: int, result: "Result") -> dict[str, str | int | bool]:
    from minirelay.protocol.ids import show_token

    return {
        "relay_token_id": show_token(token_id),
        "relay_token_id_decimal": str(token_id),
        "registry_chain_id": settings.registry_chain,
        "is_checked": True,
        "result": result,
        "next": f"each shop's owner calls addRelay(<shop id>, {token_id}) of ShopReg "
        f"at {_shop_reg(settings)}"
        f" on chain {settings.registry_chain}",
    }


def _through_the_relay(settings: "Settings", *, is_agreed: bool) -> "tuple[int, Result]":
    """Have the running relay do what is needed: it has the wallet. Raises NoRelayRuns, ClickException."""
    from minirelay.web.admin.registering import NEED, SEND

    asked = {"base_url": str(settings.base_url)}
    with busy("asking the relay"):
        need = ask_relay(settings.data_dir, NEED, asked, timeout_s=_TIMEOUT_S)
    if need["chain_id"] != settings.registry_chain:
        raise click.ClickException(
            f"the relay that runs has registry_chain {need['chain_id']}, the settings here say "
            f"{settings.registry_chain}: restart it, or name its settings file"
        )
    if need["base_url"] != asked["base_url"]:
        click.echo(f"the relay that runs has base_url {need['base_url']} still: restart it", err=True)
    token_id = int(need["relay_token_id"], 16)
    if need["cost"] is None:
        return token_id, "checked"
    shown = Shown(token_id, int(need["cost"]), int(need["balance"]), need["old_uri"])
    if not _agree(settings, "update the URI of the relay's token", shown, is_agreed=is_agreed):
        return token_id, "checked"
    with busy("the relay sends it"):
        ask_relay(settings.data_dir, SEND, asked | {"most_wei": need["cost"]}, timeout_s=_TIMEOUT_S)
    return token_id, "updated"


@dataclass(frozen=True, slots=True)
class Shown:
    """What people are shown of a transaction. cost: at most; cost and balance in wei."""

    token_id: int
    cost: int
    balance: int
    old_uri: str | None


def _agree(settings: "Settings", what: str, shown: Shown, *, is_agreed: bool) -> bool:
    """Show what would be sent; ask, unless it is agreed to. Raises ConfigError without a terminal."""
    from minirelay.chain.amounts import show_cost

    chain_id = settings.registry_chain
    in_a_line = (
        f"this would {what} on chain {chain_id} (URI {settings.base_url}) for at most "
        f"{show_cost(shown.cost, chain_id)}"
    )
    return agree(_plan(settings, what, shown), in_a_line, is_agreed=is_agreed)


def _plan(settings: "Settings", what: str, shown: Shown) -> str:
    from minirelay.chain.amounts import show_balance, show_cost
    from minirelay.protocol.ids import show_token
    from minirelay.protocol.json_rpc import printable

    chain_id = settings.registry_chain
    rows = {
        "chain": f"{chain_id} (RelayReg {settings.chain(chain_id).relay_reg})",
        "token": show_token(shown.token_id),
        "URI": str(settings.base_url),
        **({} if shown.old_uri is None else {"until now": printable(shown.old_uri) or "none"}),
        "cost": f"at most {show_cost(shown.cost, chain_id)}",
        "wallet": f"has {show_balance(shown.balance, chain_id)}",
    }
    lines = [f"This will {what}:", *(f"  {name:<10}{value}" for name, value in rows.items())]
    return "\n".join(lines)


class _Registering:
    """Does what is needed, with the wallet's key, where no relay runs."""

    def __init__(
        self, runner: asyncio.Runner, registration: "Registration", settings: "Settings", *, is_agreed: bool
    ) -> None:
        self._runner = runner
        self._registration = registration
        self._settings = settings
        self._is_agreed = is_agreed

    def register(self, *, new_token: bool) -> "tuple[int, Result]":
        """Do what is needed.

        Raises ConfigError, ChainError; ClickException if minting is not agreed to.
        """
        need = self._need(new_token=new_token)
        if need.planned is not None:
            transaction = need.planned.transaction
            what = "mint the relay's token" if need.token is None else "update the URI of the relay's token"
            shown = Shown(need.planned.token_id, transaction.highest_cost, transaction.balance, need.old_uri)
            if not _agree(self._settings, what, shown, is_agreed=self._is_agreed):
                if need.token is None:
                    raise click.ClickException("nothing was sent")
                return need.token.token_id, "checked"
        token, result = self._ask(self._registration.fulfil(need))
        return token.token_id, result

    def _need(self, *, new_token: bool) -> "Need":
        from minirelay.chain.token import TokenNotOwned

        if self._settings.base_url is None:
            raise RuntimeError("what serving needs has been checked")
        try:
            return self._ask(self._registration.need(self._settings.base_url))
        except TokenNotOwned as error:
            if error.is_configured or not (new_token or error.may_be_replaced):
                raise
            click.echo(str(error).partition(": ")[2], err=True)
            return self._ask(self._registration.need_another(self._settings.base_url))

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        # People are asked between these, so that Ctrl-C ends the question.
        with busy("asking the registry"):
            return self._runner.run(work)


@contextmanager
def _opened(settings: "Settings", *, is_agreed: bool) -> "Iterator[_Registering]":
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            registration = runner.run(_open(settings, stack))
            yield _Registering(runner, registration, settings, is_agreed=is_agreed)
        finally:
            runner.run(stack.aclose())


async def _open(settings: "Settings", stack: AsyncExitStack) -> "Registration":
    from minirelay.chain.registration import Registration
    from minirelay.chain.shop_registry import ShopReg
    from minirelay.chain.wallet import load_wallet
    from minirelay.composition.registry import make_token_service, open_registry_chain
    from minirelay.store.database import Store

    if settings.wallet_key_file is None:
        raise RuntimeError("what serving needs has been checked")
    wallet = load_wallet(settings.wallet_key_file)
    store = await stack.enter_async_context(await Store.open(settings.data_dir, settings.durability))
    chain = await stack.enter_async_context(open_registry_chain(settings))
    service = make_token_service(settings, chain, wallet, store, new_token=None)
    shop_reg = ShopReg(chain, bytes(settings.chain(settings.registry_chain).shop_reg))
    return Registration(service, shop_reg)
