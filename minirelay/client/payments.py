"""What a customer is asked to pay, checked before anything is paid (spec 06 "Payment choice", 07 "Payments").

    request = payment_request(follower.order(order_id), shop_id)
    address = await PaymentsContract(rpc_url).address_of(request)

Then `request.amount` of `request.currency` (zero: the native coin) goes to that address, at `request.ttl` at
the latest.
"""

from typing import Any

from minirelay.client.errors import ChainUnavailable, ClientError, PaymentMismatch
from minirelay.client.eth_calls import Address, EthCalls, read_address
from minirelay.errors import MalformedInput, Refusal
from minirelay.protocol.abi import Function, address_bytes
from minirelay.protocol.addresses import PAYMENTS_ADDRESS
from minirelay.protocol.ids import show_shop
from minirelay.protocol.payments_contract import GET_BYTECODE, GET_PAYMENT_ADDRESS
from minirelay.shop.objects import Order
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_request import (
    PaymentRequest,
    abi_values,
    check_create2,
    creation_code_of,
    payment_address,
    payment_id,
)


def payment_request(order: Order, shop_id: int) -> PaymentRequest:
    """Return the request that an unpaid order's payment details stand for.

    It is made of what the order chose; only amount and time are the relay's. Raises PaymentMismatch if its
    id is another than the relay's: don't pay. Raises ClientError if nothing is to be paid.
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
    return request


class PaymentsContract:
    """Finds the addresses to which requests can be paid.

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
