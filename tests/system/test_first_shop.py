"""docs/first-shop.md, followed as it is written: from nothing to a shop that sells, is lost, sells again."""

import asyncio
import json
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.types import Wei

from minirelay.client import (
    Follower,
    PaymentsContract,
    PrivateKey,
    RegistryRelays,
    RelayClient,
    patches,
    payment_request,
    wait_until_paid,
)
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.shop.objects import AddressDetails, ChainAddress, OrderedItem
from tests.system.first_shop import NewUser, Step, new_user, read_steps

OWNER, CUSTOMER, GIVER = ACCOUNTS[2], ACCOUNTS[5], ACCOUNTS[8]
TITLES = [
    "1. Set up the relay",
    "2. Register it",
    "3. Start it",
    "4. Create the shop",
    "5. Sell something",
    "6. Be paid",
    "7. Keep a copy",
    "8. When the machine is lost",
]
ADDRESS = AddressDetails(
    name="Ada Lovelace",
    address1="Hafenstraße 12",
    city="Hamburg",
    postal_code="20457",
    country="DE",
    email_address="ada@example.org",
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A guest with coins, on the development chain."""

    chain: DevChain
    contracts: Deployment
    w3: Web3
    shop: dict[str, Any]

    async def buys(self, listing_id: int) -> int:
        """Buy one piece, pay for it, and wait until the order is paid; gives what it cost."""
        relays = RegistryRelays(
            self.chain.rpc_url, relay_reg=self.contracts.relay_reg, shop_reg=self.contracts.shop_reg
        )
        shop_id, order_id, chain_id = int(self.shop["shop_id"]), patches.new_id(), self.shop["chain_id"]
        card = PrivateKey.from_bytes(secrets.token_bytes(32))
        wallet = PrivateKey.from_bytes(bytes.fromhex(CUSTOMER.private_key[2:]))
        async with RelayClient.connect(
            self.shop["relay_url"], shop_id=shop_id, key_card=card, relay_signers=relays
        ) as client:
            await client.enrol(wallet, guest=True)
            await client.authenticate()
            async with await client.follow() as shop:
                await shop.caught_up()
                manifest = shop.manifest()
                assert manifest is not None
                payee = next(iter(manifest.payees[chain_id]))
                choice = patches.choose_payment(
                    order_id,
                    ChainAddress(chain_id=chain_id, address=bytes(20)),
                    ChainAddress(chain_id=chain_id, address=payee),
                )
                await client.write(
                    [
                        *patches.add_order(order_id, [OrderedItem(listing_id=listing_id, quantity=1)]),
                        *patches.set_shipping_address(order_id, ADDRESS),
                        *patches.commit_order(order_id),
                        *choice,
                    ]
                )
                await shop.wait_for(lambda shop: is_to_be_paid(shop, order_id))
                order = shop.order(order_id)
                assert order is not None
                request = payment_request(order, shop_id, shop.state)
                contract = PaymentsContract(self.chain.rpc_url, payments=self.contracts.payments)
                for one in await contract.to_address(request):
                    await asyncio.to_thread(self.pays, one.to, one.value)
                async with asyncio.timeout(60):
                    await wait_until_paid(shop, order_id)
        return request.amount

    def pays(self, to: bytes, wei: int) -> None:
        send(self.w3, CUSTOMER.address, "0x" + to.hex(), wei)


def is_to_be_paid(shop: Follower, order_id: int) -> bool:
    order = shop.order(order_id)
    return order is not None and order.payment_details is not None


def send(w3: Web3, sender: str, to: str, wei: int) -> None:
    addresses = [w3.to_checksum_address(one) for one in (sender, to)]
    sent = w3.eth.send_transaction({"from": addresses[0], "to": addresses[1], "value": Wei(wei)})
    assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1


def follow(user: NewUser, step: Step) -> str:
    """Do what a step says; gives all that was shown."""
    return "".join(user.types(line) for line in step.commands)


def test_the_page_has_the_steps_that_are_followed_here() -> None:
    assert [step.title for step in read_steps()] == TITLES


def test_from_nothing_to_a_shop_that_sells_and_is_lost_and_sells_again(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, w3: Web3
) -> None:
    steps = {step.title: step for step in read_steps()}
    with new_user(tmp_path, dev_chain, deployment) as user:
        shown = follow(user, steps["1. Set up the relay"])
        address = re.search(r"0x[0-9A-Fa-f]{40}", shown)
        assert address is not None
        send(w3, GIVER.address, address[0], 10**18)

        assert "result       minted" in follow(user, steps["2. Register it"])
        shown = follow(user, steps["3. Start it"])
        assert "ok    relay token" in shown
        assert "ok    websocket" in shown

        (tmp_path / "owner.key").touch(0o600)
        (tmp_path / "owner.key").write_text(OWNER.private_key)
        assert "done         mint the shop, list this relay in it" in follow(
            user, steps["4. Create the shop"]
        )
        shop = json.loads((tmp_path / "shop.json").read_text())

        (program,) = steps["5. Sell something"].programs
        (tmp_path / "first_listing.py").write_text(program)
        shown = follow(user, steps["5. Sell something"])
        listing = re.search(r"^listing ([0-9]+)$", shown, re.MULTILINE)
        assert listing is not None
        customer = Customer(dev_chain, deployment, w3, shop)
        price = asyncio.run(customer.buys(int(listing[1])))
        assert price == 12 * 10**15

        before = w3.eth.get_balance(w3.to_checksum_address(OWNER.address))
        assert "swept" in follow(user, steps["6. Be paid"])
        assert w3.eth.get_balance(w3.to_checksum_address(OWNER.address)) == before + price

        follow(user, steps["7. Keep a copy"])
        user.kills_the_relay()
        shutil.rmtree(tmp_path / "data")

        follow(user, steps["8. When the machine is lost"])
        assert asyncio.run(customer.buys(int(listing[1]))) == price
        assert user.stops_the_relay() == 0
        assert "ok" in user.types("minirelay verify")
