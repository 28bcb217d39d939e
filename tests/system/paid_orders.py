"""Orders on a whole relay over the development chain, that customers pay in every way."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from web3 import Web3

from minirelay.client import Follower, NewPatch, RelayClient, payment_request
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.cbor import Value
from minirelay.relay.audit import audit, read_signers
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.store.database import FILE_NAME, open_readonly
from tests.chain_fixtures import Contracts, rpc
from tests.contracts.deploying import payments_variant
from tests.dev.contracts.contract_calls import PAYEE, send
from tests.shop.checkouts import ADDRESS, REGIONS
from tests.system.payers import Payer
from tests.system.serving import OWNER, Serving, serving

CHAIN = 31337
SELLER = bytes.fromhex(PAYEE[2:])
CAP = 1
STOCK = 77
PRICE_WEI = 10**18
TIMEOUT_S = 20.0

PAID, UNPAID, CANCELED = OrderState.PAID, OrderState.UNPAID, OrderState.CANCELED
_ORDERS = count(1000)


@dataclass
class PaidOrders:
    """A relay that serves a shop with STOCK caps at a coin each, one customer, and what both follow.

    sets: patches of each set that the guest, and the clerk, were told, by operation and path.
    """

    directory: Path
    chain: DevChain
    deployment: Deployment
    payer: Payer
    serving: Serving | None = None
    clerk: RelayClient = field(init=False)
    guest: RelayClient = field(init=False)
    clerk_view: Follower = field(init=False)
    guest_view: Follower = field(init=False)
    sets: dict[str, list[list[tuple[str, tuple[Any, ...]]]]] = field(
        default_factory=lambda: {"clerk": [], "guest": []}
    )

    @property
    def eddies(self) -> bytes:
        return bytes.fromhex(self.deployment.eddies[2:])

    @asynccontextmanager
    async def relay(self, **settings: Any) -> AsyncIterator[None]:
        """Run the relay; called again, it goes on."""
        async with self.unvisited(**settings) as served, self.visit(served):
            yield
        await self._verify()

    def unvisited(self, **settings: Any) -> AbstractAsyncContextManager[Serving]:
        """Run the relay, and let no clerk and no guest come."""
        usual = {
            "chains__31337__poll_interval": "50ms",
            "prices__source": "fixed",
            "prices__factor": "1500/1",
        }
        return serving(self.directory, self.chain, self.deployment, **{**usual, **settings})

    @asynccontextmanager
    async def visit(self, served: Serving) -> AsyncIterator[None]:
        """Open the shop of a relay that runs, and follow it."""
        self.serving = served
        async with (
            self.serving.client() as self.clerk,
            self.serving.client(guest=True) as self.guest,
        ):
            self.clerk_view = await self.clerk.follow(on_applied=self._note("clerk"))
            self.guest_view = await self.guest.follow(on_applied=self._note("guest"))
            async with self.clerk_view, self.guest_view:
                await self._open_shop()
                yield

    @asynccontextmanager
    async def beside(self, shop_id: int) -> AsyncIterator["PaidOrders"]:
        """Open one more shop on the relay that runs, with the same payee and currencies."""
        assert self.serving is not None
        owner = self.payer.w3.to_checksum_address(OWNER.address)
        send(self.payer.contracts.shop_reg.functions.mint(shop_id, owner), owner)
        other = PaidOrders(self.directory, self.chain, self.deployment, self.payer)
        async with other.visit(replace(self.serving, shop_id=shop_id)):
            yield other

    @asynccontextmanager
    async def relay_of(self, **settings: Any) -> AsyncIterator["PaidOrders"]:
        """Run the relay, and give this."""
        async with self.relay(**settings):
            yield self

    async def order(
        self,
        *,
        is_token: bool = False,
        quantity: int = 1,
        coin: bytes | None = None,
        payee: bytes = SELLER,
    ) -> tuple[int, PaymentRequest]:
        """Let the guest order caps and choose how to pay; return the order's id and its request.

        coin: a token's address, if it is not one of the two. payee: whom to pay.
        """
        order = next(_ORDERS)
        await self.guest.write(committing(order, quantity))
        return order, await self.choose(order, is_token=is_token, coin=coin, payee=payee)

    async def accept(self, token: bytes) -> None:
        """Let the shop accept one more token."""
        await self.clerk.write(
            [NewPatch("add", ("Manifest", "AcceptedCurrencies", CHAIN, token), {})], may_reveal=True
        )

    async def let_pay_to(self, payee: bytes) -> None:
        """Let the shop have one more payee."""
        await self.clerk.write(
            [NewPatch("add", ("Manifest", "Payees", CHAIN, payee), {"CallAsContract": False})],
            may_reveal=True,
        )

    async def choose(
        self, order: int, *, is_token: bool = False, coin: bytes | None = None, payee: bytes = SELLER
    ) -> PaymentRequest:
        """Choose how an order is paid; return its request."""
        coin = coin or (self.eddies if is_token else NATIVE_COIN)
        await self.guest.write(choosing(order, coin, payee))
        await self.guest_view.caught_up()
        found = self.guest_view.order(order)
        assert found is not None
        assert self.serving is not None
        return payment_request(found, self.serving.shop_id)

    async def cancel(self, order: int) -> None:
        """Let the guest cancel an order."""
        at: Value = datetime(2027, 1, 1, tzinfo=UTC)
        await self.guest.write(
            [
                NewPatch("add", ("Orders", order, "CanceledAt"), at),
                NewPatch("replace", ("Orders", order, "State"), int(CANCELED)),
            ]
        )

    async def until(self, order: int, state: OrderState) -> None:
        """Wait until the guest sees an order in a state."""

        def is_there(view: Follower) -> bool:
            found = view.order(order)
            return found is not None and found.state is state

        async with asyncio.timeout(TIMEOUT_S):
            await self.guest_view.wait_for(is_there)

    async def until_found_in(self, order: int, block_hashes: set[bytes]) -> None:
        """Wait until the guest sees that an order was paid in one of these blocks."""

        def is_there(view: Follower) -> bool:
            found = view.order(order)
            return (
                found is not None
                and found.tx_details is not None
                and found.tx_details.block_hash in block_hashes
            )

        async with asyncio.timeout(TIMEOUT_S):
            await self.guest_view.wait_for(is_there)

    async def until_row(self, request: PaymentRequest, state: str) -> None:
        """Wait until a request is stored in a state: nobody is told of that."""
        async with asyncio.timeout(TIMEOUT_S):
            while self.row(request) != state:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def state(self, order: int) -> OrderState | None:
        found = self.guest_view.order(order)
        return None if found is None else found.state

    def clerk_state(self, order: int) -> OrderState | None:
        """The state of an order as the clerk sees it: who visits again, does so as another guest."""
        found = self.clerk_view.order(order)
        return None if found is None else found.state

    def sold(self) -> int:
        """How many caps left the stock."""
        return STOCK - (self.stock() or 0)

    def row(self, request: PaymentRequest) -> str:
        """The state that a request is stored in."""
        ((state,),) = self.rows(
            f"SELECT state FROM payment_request WHERE id = x'{payment_id(request).hex()}'"
        )
        assert isinstance(state, str)
        return state

    def alerts(self) -> list[tuple[str, int]]:
        """Kinds and amounts of the alerts."""
        found = self.rows("SELECT kind, amount FROM alert ORDER BY id")
        return [(kind, int.from_bytes(amount)) for kind, amount in found]

    def told_of(self, request: PaymentRequest) -> list[str]:
        """Kinds of the alerts about a request, as they were raised."""
        named = f"instr(request_ids, x'{payment_id(request).hex()}') > 0"
        return [kind for (kind,) in self.rows(f"SELECT kind FROM alert WHERE {named} ORDER BY id")]

    def rows(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.directory / FILE_NAME}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def stock(self) -> int | None:
        return self.clerk_view.stock(CAP)

    def pass_time(self, seconds: int) -> None:
        """Let time pass on the chain."""
        rpc(self.payer.w3, "evm_increaseTime", seconds)
        rpc(self.payer.w3, "evm_mine")

    async def polled(self, times: int = 2) -> None:
        """Wait until the chain was polled so often from now on, up to its head."""
        assert self.serving is not None
        head = int(self.payer.w3.eth.block_number)
        sql = f"SELECT scanned FROM chain_mark WHERE scanned >= {head}"
        for _ in range(times):
            async with asyncio.timeout(TIMEOUT_S):
                while not self.rows(sql):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            rpc(self.payer.w3, "evm_mine")
            sql = f"SELECT scanned FROM chain_mark WHERE scanned > {head}"
            head += 1

    def _note(self, who: str) -> Any:
        def note(_: Follower, received: Any) -> None:
            patches = received.patches
            self.sets[who].append([(one.op, tuple(one.path)) for one in patches])

        return note

    async def _open_shop(self) -> None:
        await self.clerk_view.caught_up()
        if self.clerk_view.listing(CAP) is not None:
            return
        payees: Value = {SELLER: {"CallAsContract": False}}
        regions: Any = REGIONS
        metadata: Value = {"Title": "Cap", "Description": "A cap"}
        await self.clerk.write(
            [
                NewPatch("replace", ("Manifest", "Payees"), {CHAIN: payees}),
                NewPatch(
                    "replace", ("Manifest", "AcceptedCurrencies"), {CHAIN: {NATIVE_COIN: {}, self.eddies: {}}}
                ),
                NewPatch(
                    "replace", ("Manifest", "PricingCurrency"), {"ChainID": CHAIN, "Address": NATIVE_COIN}
                ),
                NewPatch("replace", ("Manifest", "ShippingRegions"), regions),
                NewPatch(
                    "add",
                    ("Listings", CAP),
                    {"ID": CAP, "Price": PRICE_WEI, "Metadata": metadata, "ViewState": 1},
                ),
                NewPatch("add", ("Inventory", CAP), STOCK),
            ],
            may_reveal=True,
        )

    async def _verify(self) -> None:
        async with await open_readonly(self.directory) as store:
            for row in await store.reader.shops():
                await audit(store.reader, row, await read_signers(store.reader), lambda _: None)


def paid_orders(
    directory: Path, chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3, variant: str
) -> PaidOrders:
    """Make one with the contract in a variant. The relay is not started."""
    own = payments_variant(w3, contracts, variant)
    of_variant = replace(deployment, payments=own.payments.address, permit2=own.permit2.address)
    return PaidOrders(directory, chain, of_variant, Payer(w3, own))


def committing(order: int, quantity: int = 1) -> list[NewPatch]:
    """Patches with which a guest orders caps."""
    lines: Value = [{"ListingID": CAP, "Quantity": quantity}]
    ship_to: Any = ADDRESS
    return [
        NewPatch("add", ("Orders", order), {"ID": order, "Items": lines, "State": 1}),
        NewPatch("add", ("Orders", order, "ShippingAddress"), ship_to),
        NewPatch("replace", ("Orders", order, "State"), int(OrderState.COMMITTED)),
    ]


def choosing(order: int, coin: bytes = NATIVE_COIN, payee: bytes = SELLER) -> list[NewPatch]:
    """Patches with which a guest chooses how to pay."""
    to: Value = {"ChainID": CHAIN, "Address": payee}
    return [
        NewPatch("replace", ("Orders", order, "ChosenPayee"), {"Address": to, "CallAsContract": False}),
        NewPatch("replace", ("Orders", order, "ChosenCurrency"), {"ChainID": CHAIN, "Address": coin}),
        NewPatch("replace", ("Orders", order, "State"), int(OrderState.PAYMENT_CHOSEN)),
    ]


def paid_set(order: int, quantities: Sequence[int] = (1,)) -> list[tuple[str, tuple[Any, ...]]]:
    """The patches with which an order gets paid, as everybody who may see all of it is told them."""
    stock = [("decrement", ("Inventory", CAP)) for _ in quantities]
    return [*stock, ("add", ("Orders", order, "TxDetails")), ("replace", ("Orders", order, "State"))]
