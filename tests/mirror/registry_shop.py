"""A hosted shop in the real registry, and polls of the real chain, done in the plainest way there is.

Each poll reads all logs from the beginning; what was given as deep, a poller gives again now and then only.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
from eth_account import Account as Wallet
from eth_account.messages import encode_defunct
from eth_typing import ChecksumAddress
from web3 import Web3

from minirelay.chain.block import Block, read_block
from minirelay.chain.chain import Chain
from minirelay.chain.counted_reader import CountedReader
from minirelay.chain.endpoint import http_endpoints
from minirelay.chain.errors import Reverted
from minirelay.chain.findings import Findings, FoundLog, Marks
from minirelay.chain.question import Question
from minirelay.chain.request_budget import RequestBudget
from minirelay.chain.shop_registry import ShopReg
from minirelay.config.urls import EndpointUrl
from minirelay.mirror.accounts import AccountsMirror
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import read_data, read_quantity, write_data
from minirelay.protocol.objects import ObjectType
from minirelay.relay.clock import utc_now
from minirelay.relay.messages import Enrolment
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.canonical import load
from minirelay.shop.objects import Account
from tests.chain.nodes import CHAIN_ID
from tests.chain_fixtures import Contracts, rpc
from tests.dev.contracts.contract_calls import OWNER, send
from tests.raw_client import Talker
from tests.relay.house import SHOP, House, new_key

T = TypeVar("T")

UPDATE = 1 << 2
VERIFIER = Wallet.from_key(b"\x07" * 32)


def raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


class CountingReader(CountedReader):
    """Counts questions, too."""

    asked = 0

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        answers = await super().request_many(questions, at)
        self.asked += len(questions)
        return answers


@dataclass
class RegistryShop:
    """The shop SHOP. mirror: the one that polls now. given: places of logs that it got as deep."""

    house: House
    contracts: Contracts
    w3: Web3
    chain: Chain
    registry: ShopReg
    mirror: AccountsMirror
    given: set[tuple[bytes, int]] = field(default_factory=set)

    @classmethod
    async def start(
        cls, house: House, contracts: Contracts, w3: Web3, url: str, http: aiohttp.ClientSession
    ) -> "RegistryShop":
        chain = Chain(CHAIN_ID, http_endpoints([EndpointUrl(url)], http))
        registry = ShopReg(chain, raw(contracts.shop_reg.address))
        send(contracts.shop_reg.functions.mint(SHOP, OWNER), OWNER)
        await house.enrol(wallet=raw(OWNER))
        return cls(house, contracts, w3, chain, registry, await mirror_of(house, registry))

    async def restart_mirror(self, settles_s: float = 0) -> None:
        """Begin anew with what is stored."""
        self.mirror = await mirror_of(self.house, self.registry, settles_s)

    # -- what an owner does

    def register(self, user: str, permissions: int = UPDATE, shop_id: int = SHOP) -> None:
        send(self.contracts.shop_reg.functions.registerUser(shop_id, user, permissions), OWNER)

    def change(self, name: str, *arguments: object, sender: ChecksumAddress = OWNER) -> None:
        """Send a transaction about the shop."""
        send(self.contracts.shop_reg.functions[name](SHOP, *arguments), sender)

    def transfer(self, seller: ChecksumAddress, buyer: str) -> None:
        send(self.contracts.shop_reg.functions.transferFrom(seller, buyer, SHOP), seller)

    def invite(self, user: ChecksumAddress) -> None:
        """Publish an invite, and let a user redeem it."""
        self.change("publishInviteVerifier", VERIFIER.address)
        signed = VERIFIER.sign_message(encode_defunct(text=f"enrolling:{user.lower()}"))
        signature = signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)
        self.change("redeemInvite", *signature, user, sender=user)

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            rpc(self.w3, "evm_mine")

    # -- what a clerk does

    async def enrol(self, user: str) -> Talker:
        """Enrol a key card, after asking as `relay/enrolment.py` does, and open its session."""
        assert await self.registry.may_update_root_hash(SHOP, raw(user))
        key = new_key()
        await self.house.relay.admit(Enrolment(SHOP, raw(user), key.public_key, False))
        return await self.house.session(key)

    # -- what comes of it

    async def account(self, user: str) -> Account | None:
        head = await self.head()
        data = head.state.get(ObjectType.ACCOUNT, raw(user))
        return None if data is None else load(Account, data)

    async def head(self) -> ShopHead:
        hosted = await self.house.relay.shops.find(SHOP)
        assert hosted is not None
        return await hosted.sequencer.opened()

    async def poll(
        self,
        *,
        confirmations: int = 1,
        requests: int = 10**6,
        is_behind: bool = False,
        again: bool = False,
    ) -> int:
        """Poll once; return how many questions were asked.

        is_behind: not all logs were read yet. again: give once more what was given.
        """
        head = await self.chain.request("eth_getBlockByNumber", ["latest", False], read_block)
        deep = head.number + 1 - confirmations
        found = [one for one in await self.logs(head) if self.mirror.wants(one)]
        findings = Findings(
            chain_id=CHAIN_ID,
            marks=Marks(head, head.number - is_behind, deep, None, 0, 0),
            seen=tuple(one for one in found if one.block.number > deep),
            deep=tuple(
                one for one in found if one.block.number <= deep and (again or place(one) not in self.given)
            ),
        )
        reader = self.reader(requests)
        for rows in await self.mirror.take(findings, reader):
            await self.house.store.writer.commit(rows)
        self.given |= set(map(place, findings.deep))
        return reader.asked

    def reader(self, requests: int = 10**6) -> CountingReader:
        return CountingReader(self.chain, RequestBudget(requests))

    async def logs(self, head: Block) -> list[FoundLog]:
        logs: list[FoundLog] = []
        for one in self.mirror.filters():
            wanted = {
                "address": write_data(one.address),
                "topics": [list(map(write_data, one.events))],
                "fromBlock": "0x0",
                "toBlock": hex(head.number),
            }
            logs += await self.chain.request("eth_getLogs", [wanted], read_logs, data_bytes=2**20)
        return sorted(logs, key=lambda one: (one.block.number, one.index))


def place(found: FoundLog) -> tuple[bytes, int]:
    return found.block.hash, found.index


def read_logs(result: object) -> list[FoundLog]:
    assert isinstance(result, list)
    return [
        FoundLog(
            read_data(one["address"]),
            tuple(map(read_data, one["topics"])),
            read_data(one["data"]),
            BlockId(read_quantity(one["blockNumber"]), read_data(one["blockHash"])),
            read_data(one["transactionHash"]),
            read_quantity(one["logIndex"]),
        )
        for one in result
    ]


async def mirror_of(house: House, registry: ShopReg, settles_s: float = 0) -> AccountsMirror:
    return await AccountsMirror.open(house.relay, registry, utc_now, settles_s)


def some_wallets(count: int) -> list[str]:
    return [Web3.to_checksum_address(secrets.token_bytes(20)) for _ in range(count)]
