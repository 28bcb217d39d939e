"""What a customer is asked to pay, checked before anything is paid (spec 06 "Payment choice", 07 "Payments").

    request = payment_request(follower.order(order_id), shop_id, follower.state)
    for transaction in await PaymentsContract(rpc_url).to_address(request):
        ...  # sign and send it with the customer's wallet
    await wait_until_paid(follower, order_id)

It is paid at `request.ttl` (epoch seconds) at the latest.
"""

from typing import Any

import msgspec

from minirelay.client.errors import ChainUnavailable, ClientError, PaymentMismatch
from minirelay.client.eth_calls import Address, EthCalls, read_address
from minirelay.client.follower import Follower
from minirelay.errors import MalformedInput, Refusal, invalid
from minirelay.protocol.abi import Function, address_bytes
from minirelay.protocol.addresses import NATIVE_COIN, PAYMENTS_ADDRESS
from minirelay.protocol.erc20 import APPROVE, TRANSFER
from minirelay.protocol.ids import show_shop
from minirelay.protocol.payments_contract import GET_BYTECODE, GET_PAYMENT_ADDRESS, PAY
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Order, OrderPaid, PaymentDetails
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_details import listing_snapshots
from minirelay.shop.payment_request import (
    PaymentRequest,
    abi_values,
    check_create2,
    creation_code_of,
    payment_address,
    payment_id,
)
from minirelay.shop.pricing import price_order
from minirelay.shop.regions import destination, match_region
from minirelay.shop.state import ShopState
from minirelay.shop.work import Work


def payment_request(order: Order, shop_id: int, state: ShopState | None = None) -> PaymentRequest:
    """Return the request that an unpaid order's payment details stand for.

    It is made of what the order chose; only amount and time are the relay's. Raises PaymentMismatch if its
    id is another than the relay's: don't pay. Raises ClientError if nothing is to be paid.

    state: of the shop, a follower's; then `check_offer` checks what is sold, and for how much.
    """
    details, payee, currency = order.payment_details, order.chosen_payee, order.chosen_currency
    if order.state is not OrderState.UNPAID or details is None or payee is None or currency is None:
        raise ClientError("this order is not waiting for a payment")
    if payee.address.chain_id != currency.chain_id:
        raise PaymentMismatch("the payee is on another chain than the currency")
    request = PaymentRequest(
        chain_id=currency.chain_id,
        ttl=details.ttl,
        currency=currency.address,
        amount=details.total,
        payee=payee.address.address,
        shop_id=shop_id,
    )
    if payment_id(request) != details.payment_id:
        raise PaymentMismatch(
            f"the PaymentID is not that of the payee, currency, total and TTL in shop {show_shop(shop_id)}"
        )
    if state is not None:
        check_offer(order, details, state)
    return request


def check_offer(order: Order, details: PaymentDetails, state: ShopState) -> None:
    """Check that payment details are about the shop's listings as they are in a state, and the price theirs.

    Raises PaymentMismatch. Also when the shop changed a listing or a price after the details were made: they
    still hold, but for what was offered then; who pays should know. The price can be computed where the order
    is paid in the currency that the shop has its prices in; of others, no client knows the rate.
    """
    try:
        hashes = [snapshot.hash for snapshot in listing_snapshots(state, order)]
        price = _price(order, state)
    except Refusal as refusal:
        raise PaymentMismatch(f"this is not what the shop sells now: {refusal.message}") from refusal
    if hashes != details.listing_hashes:
        raise PaymentMismatch("the ListingHashes are not those of the listings as the shop has them now")
    if price is not None and price != details.total:
        raise PaymentMismatch(f"the total is {details.total}, and the shop's price now {price}")


def _price(order: Order, state: ShopState) -> int | None:
    """Compute what an order costs; None if it is paid in another currency than the shop's prices."""
    shop, address = Draft(state), destination(order)
    if shop.manifest is None or shop.manifest.pricing_currency != order.chosen_currency:
        return None
    found = None if address is None else match_region(shop.manifest.shipping_regions, address, Work())
    if found is None:
        raise invalid("it does not ship to this address")
    return price_order(shop, order, found[1])


class PaymentTransaction(msgspec.Struct, frozen=True):
    """What a wallet has to sign and send. to: 20 bytes. value: coins, in wei. data: for a contract."""

    to: bytes
    value: int
    data: bytes = b""


async def wait_until_paid(follower: Follower, order_id: int) -> OrderPaid:
    """Wait until the relay says that an order is paid; return in which block, and by which transaction.

    Nothing else is waited for: give it a time. Raises ClientError if the order is canceled or gone, and why
    following ended.
    """

    def is_settled(follower: Follower) -> bool:
        order = follower.order(order_id)
        return order is None or order.state in (OrderState.PAID, OrderState.CANCELED)

    await follower.wait_for(is_settled)
    order = follower.order(order_id)
    if order is None or order.state is not OrderState.PAID or order.tx_details is None:
        raise ClientError(f"order {order_id} was canceled: what is paid for it now is not counted")
    return order.tx_details


class PaymentsContract:
    """Finds the addresses to which requests can be paid, and what a wallet has to send to pay.

    The contract is asked, once, for the code that it puts there, and the addresses are computed from it, so
    that an endpoint that lies can't name an address of its own.
    """

    def __init__(self, rpc_url: str, *, payments: Address = PAYMENTS_ADDRESS) -> None:
        """rpc_url: of a node of the chain to pay on. payments: of the contract, where it is elsewhere."""
        self._rpc_url = rpc_url
        self._payments = read_address(payments)
        self._creation_code: bytes | None = None

    async def address_of(self, request: PaymentRequest) -> bytes:
        """Return the address, 20 bytes, to which a request can be paid by a plain transfer.

        What is paid too much goes back to the payee: relays look at no other address. Raises
        PaymentMismatch (also on chains where addresses are made otherwise): don't pay; ChainUnavailable.
        """
        self._check_chain(request)
        async with EthCalls.to(self._rpc_url) as calls:
            found_id = await calls.chain_id()
            if found_id != request.chain_id:
                raise ChainUnavailable(f"the endpoint is on chain {found_id}, not on {request.chain_id}")
            if self._creation_code is None:
                self._creation_code = await self._read_creation_code(calls, request)
            named = address_bytes(await self._call(calls, GET_PAYMENT_ADDRESS, request))
        computed = payment_address(request, self._payments, self._creation_code, request.payee)
        if computed != named:
            raise PaymentMismatch("the contract names another address than the one of its own code")
        return computed

    async def to_address(
        self, request: PaymentRequest, amount: int | None = None
    ) -> list[PaymentTransaction]:
        """Return what pays a request by a plain transfer to its address.

        amount: of its currency; None for all of it. Parts may come from several wallets, and add up. Raises
        like `address_of`.
        """
        address, paid = await self.address_of(request), request.amount if amount is None else amount
        if request.currency == NATIVE_COIN:
            return [PaymentTransaction(address, paid)]
        return [PaymentTransaction(request.currency, 0, TRANSFER.encode(address, paid))]

    def by_call(self, request: PaymentRequest) -> list[PaymentTransaction]:
        """Return what pays all of a request by a call of the contract; of a token, it is approved first.

        They have to be sent in this order, by one wallet. Nothing is asked: the contract itself refuses a
        request for another chain, or whose time has passed.
        """
        call = PAY.encode(abi_values(request))
        if request.currency == NATIVE_COIN:
            return [PaymentTransaction(self._payments, request.amount, call)]
        approval = APPROVE.encode(self._payments, request.amount)
        return [
            PaymentTransaction(request.currency, 0, approval),
            PaymentTransaction(self._payments, 0, call),
        ]

    def _check_chain(self, request: PaymentRequest) -> None:
        try:
            check_create2(request.chain_id)
        except Refusal as refusal:
            raise PaymentMismatch(refusal.message) from refusal

    async def _read_creation_code(self, calls: EthCalls, request: PaymentRequest) -> bytes:
        bytecode = await self._call(calls, GET_BYTECODE, request)
        try:
            return creation_code_of(bytecode, request, self._payments, request.payee)
        except MalformedInput as error:
            raise PaymentMismatch(f"the contract answers something else than was asked: {error}") from error

    async def _call(self, calls: EthCalls, function: Function, request: PaymentRequest) -> Any:
        answer = await calls.call(self._payments, function, abi_values(request), request.payee)
        if answer is None:
            raise ChainUnavailable("the contract refuses to say where this is paid to")
        return answer[0]
