"""What clients are told; that scripts get it is tested with the banner, that the page does in admin/."""

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.contract_addresses import Contracts
from minirelay.dev.demo_setup import DemoShop
from minirelay.dev.description import describe, named_contracts

ADDRESSES = [one.address for one in ACCOUNTS[:5]]


def test_shop_ids_are_texts() -> None:
    demo = DemoShop(2**256 - 1, ACCOUNTS[0], "ab" * 32)
    described = describe("http://a", "http://b", 1, Contracts(*ADDRESSES), demo)
    assert described["demo_shop"]["shop_id"] == str(2**256 - 1)
    assert len(described["wallets"]) == 10
    assert describe("http://a", "http://b", 1, Contracts(*ADDRESSES), None)["demo_shop"] is None


def test_contracts_that_are_not_there_are_not_named() -> None:
    assert list(named_contracts(Contracts(*ADDRESSES[:3]))) == ["ShopReg", "RelayReg", "Payments"]
    assert named_contracts(Contracts(*ADDRESSES))["Eddies"] == ADDRESSES[3]
