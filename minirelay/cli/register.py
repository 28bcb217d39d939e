"""`minirelay register`: mints or checks the relay's token."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from minirelay.cli.output import busy, show
from minirelay.cli.setting_flags import CommandWithSettings, read_settings

if TYPE_CHECKING:
    from minirelay.chain.token import RelayToken
    from minirelay.config import Settings


@click.command(cls=CommandWithSettings)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def register(as_json: bool, **given: Any) -> None:
    """Mint the relay's token, or check the one that it has.

    The token is what a shop lists in the registry to say that this relay serves it. Minting costs a fee,
    which the relay's wallet pays. The relay must not be running meanwhile.
    """
    from minirelay.logs import configure
    from minirelay.protocol.signing import checksum_address

    settings = read_settings(given)
    settings.require_serving()
    # What goes wrong on the way ends up in the one line at the end.
    configure("error", settings.log_format)
    with busy("asking the registry"):
        token = asyncio.run(_register(settings))
    shop_reg = checksum_address(bytes(settings.chain(settings.registry_chain).shop_reg))
    show(
        {
            "relay_token_id": f"0x{token.token_id:064x}",
            "relay_token_id_decimal": str(token.token_id),
            "registry_chain_id": settings.registry_chain,
            "is_checked": token.is_checked,
            "next": f"each shop's owner calls addRelay(<shop id>, {token.token_id}) of ShopReg at {shop_reg}"
            f" on chain {settings.registry_chain}",
        },
        as_json=as_json,
    )


async def _register(settings: "Settings") -> "RelayToken":
    from minirelay.chain.chain import Chain
    from minirelay.chain.endpoint import open_http
    from minirelay.chain.relay_registry import RelayReg
    from minirelay.chain.token import TokenKeeper
    from minirelay.chain.wallet import load_wallet
    from minirelay.store.database import Store
    from minirelay.web.server import StoreMemory

    if settings.wallet_key_file is None:
        raise RuntimeError("what serving needs has been checked")
    wallet = load_wallet(settings.wallet_key_file)
    chain_settings = settings.chain(settings.registry_chain)
    async with await Store.open(settings.data_dir, settings.durability) as store, open_http() as http:
        chain = Chain(settings.registry_chain, chain_settings.rpc_urls, http)
        registry = RelayReg(chain, bytes(chain_settings.relay_reg))
        keeper = TokenKeeper(registry, wallet, StoreMemory(store), configured=settings.relay_token_id)
        return await keeper.find_or_mint(str(settings.base_url))
