"""What a client, or who develops one, needs to know of a running `minirelay dev`, as JSON has it."""

from typing import Any

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.contract_addresses import Contracts
from minirelay.dev.demo_setup import DemoShop


def describe(
    base_url: str, rpc_url: str, chain_id: int, contracts: Contracts, demo_shop: DemoShop | None
) -> dict[str, Any]:
    """Write all of it down. The key card is hexadecimal without 0x."""
    return {
        "base_url": base_url,
        "rpc_url": rpc_url,
        "chain_id": chain_id,
        "contracts": named_contracts(contracts),
        "wallets": [{"address": one.address, "private_key": one.private_key} for one in ACCOUNTS],
        "demo_shop": None
        if demo_shop is None
        else {
            "shop_id": str(demo_shop.shop_id),
            "owner": demo_shop.owner.address,
            "key_card": demo_shop.key_card,
        },
    }


def named_contracts(contracts: Contracts) -> dict[str, str]:
    """Name those that clients are told of, as far as they are there: addresses as 0x hex."""
    named = {
        "ShopReg": contracts.shop_reg,
        "RelayReg": contracts.relay_reg,
        "Payments": contracts.payments,
        "Eddies": contracts.eddies,
    }
    return {name: address for name, address in named.items() if address is not None}
