"""`minirelay register`: mints or checks the relay's token."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from minirelay.cli.agreement import agree
from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.chain.shop_registry import ShopReg
    from minirelay.chain.token import Planned, RelayToken, RelayTokenService
    from minirelay.config.settings import Settings

T = TypeVar("T")

Result = Literal["minted", "checked", "updated"]
_FOR_PEOPLE: Final[dict[Result, str]] = {
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
    be sent is shown first. The relay must not be running meanwhile.
    """
    from minirelay.logs import configure

    settings = read_settings(given)
    settings.require_serving()
    # What goes wrong on the way ends up in the one line at the end.
    configure("error", settings.log_format, settings.log_bounds)
    with _opened(settings, is_agreed=yes) as registration:
        token, result = registration.register(new_token=new_token)
    if as_json:
        show(_document(settings, token, result), as_json=True)
    else:
        click.echo(_text(settings, token, result))


def _text(settings: "Settings", token: "RelayToken", result: Result) -> str:
    """Write what people get, on lines of 80 columns: what is copied is not cut by the terminal's edge."""
    from minirelay.protocol.ids import show_token

    chain_id = settings.registry_chain
    return "\n".join(
        [
            f"relay token  {show_token(token.token_id)}",
            "in decimal",
            f"  {token.token_id}",
            f"chain        {chain_id}",
            f"result       {_FOR_PEOPLE[result]}",
            "",
            f"Next: the owner of each shop calls, on chain {chain_id},",
            f"  ShopReg    {_shop_reg(settings)}",
            "  addRelay   with the shop's id and the token",
        ]
    )


def _shop_reg(settings: "Settings") -> str:
    from minirelay.protocol.signing import checksum_address

    return checksum_address(bytes(settings.chain(settings.registry_chain).shop_reg))


def _document(settings: "Settings", token: "RelayToken", result: Result) -> dict[str, str | int | bool]:
    from minirelay.protocol.ids import show_token

    return {
        "relay_token_id": show_token(token.token_id),
        "relay_token_id_decimal": str(token.token_id),
        "registry_chain_id": settings.registry_chain,
        "is_checked": token.is_checked,
        "result": result,
        "next": f"each shop's owner calls addRelay(<shop id>, {token.token_id}) of ShopReg "
        f"at {_shop_reg(settings)}"
        f" on chain {settings.registry_chain}",
    }


def _unchecked(token: "RelayToken") -> str:
    from minirelay.protocol.ids import show_token

    return f"the relay's token {show_token(token.token_id)} was not checked: {token.doubt}; nothing was sent"


class _Registration:
    """Finds out what is needed, shows it, and sends it once that is agreed to."""

    def __init__(
        self,
        runner: asyncio.Runner,
        service: "RelayTokenService",
        shop_registry: "ShopReg",
        settings: "Settings",
        *,
        is_agreed: bool,
    ) -> None:
        self._runner = runner
        self._service = service
        self._shop_registry = shop_registry
        self._settings = settings
        self._is_agreed = is_agreed

    def register(self, *, new_token: bool) -> tuple["RelayToken", Result]:
        """Do what is needed.

        Raises ConfigError, ChainError; ClickException if minting is not agreed to, or if the registry can't
        be asked who owns the token.
        """
        if self._settings.base_url is None:
            raise RuntimeError("what serving needs has been checked")
        base_url = self._settings.base_url
        token = self._find(new_token=new_token)
        if token is not None and not token.is_checked:
            raise click.ClickException(_unchecked(token))
        self._ask(self._shop_registry.prove())
        if token is None:
            planned = self._ask(self._service.plan_mint(base_url))
            if not self._agree("mint the relay's token", planned):
                raise click.ClickException("nothing was sent")
            return self._ask(self._service.mint(planned)), "minted"
        old_uri = self._ask(self._service.other_uri(token.token_id, base_url))
        if old_uri is None:
            return token, "checked"
        planned = self._ask(self._service.plan_update(token.token_id, base_url))
        if not self._agree("update the URI of the relay's token", planned, old_uri):
            return token, "checked"
        self._ask(self._service.update(planned))
        return token, "updated"

    def _find(self, *, new_token: bool) -> "RelayToken | None":
        from minirelay.chain.token import TokenNotOwned

        try:
            return self._ask(self._service.find())
        except TokenNotOwned as error:
            if error.is_configured or not (new_token or error.may_be_replaced):
                raise
            click.echo(str(error).partition(": ")[2], err=True)
            return None

    def _agree(self, what: str, planned: "Planned", old_uri: str | None = None) -> bool:
        """Show what would be sent; ask, unless it is agreed to. Raises ConfigError without a terminal."""
        from minirelay.chain.amounts import show_cost

        chain_id = self._settings.registry_chain
        in_a_line = (
            f"this would {what} on chain {chain_id} (URI {self._settings.base_url}) for at most "
            f"{show_cost(planned.transaction.highest_cost, chain_id)}"
        )
        return agree(self._plan(what, planned, old_uri), in_a_line, is_agreed=self._is_agreed)

    def _plan(self, what: str, planned: "Planned", old_uri: str | None) -> str:
        from minirelay.chain.amounts import show_balance, show_cost
        from minirelay.protocol.ids import show_token
        from minirelay.protocol.json_rpc import printable

        chain_id = self._settings.registry_chain
        rows = {
            "chain": f"{chain_id} (RelayReg {self._settings.chain(chain_id).relay_reg})",
            "token": show_token(planned.token_id),
            "URI": str(self._settings.base_url),
            **({} if old_uri is None else {"until now": printable(old_uri) or "none"}),
            "cost": f"at most {show_cost(planned.transaction.highest_cost, chain_id)}",
            "wallet": f"has {show_balance(planned.transaction.balance, chain_id)}",
        }
        lines = [f"This will {what}:", *(f"  {name:<10}{value}" for name, value in rows.items())]
        return "\n".join(lines)

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        # People are asked between these, so that Ctrl-C ends the question.
        with busy("asking the registry"):
            return self._runner.run(work)


@contextmanager
def _opened(settings: "Settings", *, is_agreed: bool) -> "Iterator[_Registration]":
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            service, shop_registry = runner.run(_open(settings, stack))
            yield _Registration(runner, service, shop_registry, settings, is_agreed=is_agreed)
        finally:
            runner.run(stack.aclose())


async def _open(settings: "Settings", stack: AsyncExitStack) -> tuple["RelayTokenService", "ShopReg"]:
    from minirelay.chain.chain import Chain
    from minirelay.chain.endpoint import http_endpoints, open_http
    from minirelay.chain.relay_registry import RelayReg
    from minirelay.chain.shop_registry import ShopReg
    from minirelay.chain.token import RelayTokenService
    from minirelay.chain.wallet import load_wallet
    from minirelay.store.database import Store
    from minirelay.store.meta_table import MetaTable

    if settings.wallet_key_file is None:
        raise RuntimeError("what serving needs has been checked")
    wallet = load_wallet(settings.wallet_key_file)
    chain_settings = settings.chain(settings.registry_chain)
    store = await stack.enter_async_context(await Store.open(settings.data_dir, settings.durability))
    http = await stack.enter_async_context(open_http())
    chain = Chain(
        settings.registry_chain,
        http_endpoints(chain_settings.rpc_urls, http, allows_plain=chain_settings.allow_plain_http),
    )
    service = RelayTokenService(
        RelayReg(chain, bytes(chain_settings.relay_reg)),
        wallet,
        MetaTable(store),
        configured=settings.relay_token_id,
    )
    return service, ShopReg(chain, bytes(chain_settings.shop_reg))
