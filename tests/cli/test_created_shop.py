"""What `minirelay shop create` prints for people; its JSON is in test_shop_create.py."""

import re

from tests.chain_fixtures import Contracts
from tests.cli.commands import minirelay
from tests.cli.test_shop_create import OWNER, relay_token, settings

__all__ = ["settings"]


def test_the_calls_are_ready_for_cast(settings: dict[str, str], contracts: Contracts) -> None:
    shown = minirelay(
        "shop", "create", "--owner", OWNER.address, "--token-uri", "https://x/it's me", **settings
    ).out
    shop_id = re.search(r"^shop\n  ([0-9]+)$", shown, re.MULTILINE)[1]  # type: ignore[index]
    address = contracts.shop_reg.address
    begin = f'cast send --rpc-url "$ETH_RPC_URL" {address}'
    assert f"{begin} 'mint(uint256,address)' {shop_id} {OWNER.address}\n" in shown
    assert f"{begin} 'setTokenURI(uint256,string)' {shop_id} 'https://x/it'\"'\"'s me'\n" in shown
    assert f"{begin} 'addRelay(uint256,uint256)' {shop_id} {relay_token(settings)}\n" in shown
