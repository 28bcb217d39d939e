from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from eth_abi.abi import encode

from minirelay.client import (
    ClientError,
    PaymentMismatch,
    PaymentsContract,
    PaymentTransaction,
    payment_request,
    wait_until_paid,
)
from minirelay.client.errors import ChainUnavailable
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address
from minirelay.shop.canonical import read
from minirelay.shop.objects import ChainAddress, Order, OrderPaid
from minirelay.shop.order_states import OrderState
from minirelay.shop.payment_details import ListingSnapshot, listing_snapshots, payment_details
from minirelay.shop.payment_request import PaymentRequest, abi_values
from minirelay.shop.state import ShopState
from tests.chain_fixtures import Contracts
from tests.client.rpc_endpoint import Endpoint, rpc_endpoint
from tests.dev.contracts.contract_calls import call
from tests.shop.patching import LISTING, number, shop

SHOP_ID = 2**255 + 7
TOKEN, PAYEE = b"\x70" * 20, b"\x11" * 20
REQUEST = PaymentRequest(
    chain_id=31337, ttl=1_750_086_400, currency=TOKEN, amount=36_600, payee=PAYEE, shop_id=SHOP_ID
)
ADDRESS = {
    "Name": "Jane Doe",
    "Address1": "1 Main St",
    "City": "Anytown",
    "PostalCode": "12345",
    "Country": "US",
    "EmailAddress": "jane@example.com",
}


def order(request: PaymentRequest = REQUEST, **changed: Any) -> Order:
    """Make an unpaid order that a relay answered with this request; then change it."""
    value: Any = {
        "ID": 1,
        "Items": [{"ListingID": 1, "Quantity": 3}],
        "State": 4,
        "ShippingAddress": ADDRESS,
        "ChosenPayee": {"Address": {"ChainID": 31337, "Address": PAYEE}, "CallAsContract": True},
        "ChosenCurrency": {"ChainID": 31337, "Address": TOKEN},
    }
    made = read(Order, value)
    made.payment_details = payment_details(request, (ListingSnapshot(bytes(32), b""),))
    made.state = OrderState.UNPAID
    for name, content in changed.items():
        setattr(made, name, content)
    return made


# Paying


async def test_coins_are_paid_by_a_transfer_or_by_a_call(
    dev_chain: DevChain, deployment: Deployment, contracts: Contracts
) -> None:
    request = msgspec.structs.replace(REQUEST, currency=NATIVE_COIN)
    contract = PaymentsContract(dev_chain.rpc_url, payments=deployment.payments)
    address = await contract.address_of(request)
    assert await contract.to_address(request) == [PaymentTransaction(address, request.amount)]
    assert await contract.to_address(request, 7) == [PaymentTransaction(address, 7)]
    data = bytes.fromhex(contracts.payments.encode_abi("pay", [abi_values(request)])[2:])
    payments = bytes.fromhex(deployment.payments[2:])
    assert contract.by_call(request) == [PaymentTransaction(payments, request.amount, data)]


async def test_tokens_are_transferred_or_approved_and_paid_by_a_call(
    dev_chain: DevChain, deployment: Deployment, contracts: Contracts
) -> None:
    contract = PaymentsContract(dev_chain.rpc_url, payments=deployment.payments)
    address = await contract.address_of(REQUEST)

    def encoded(function: str, *arguments: object) -> bytes:
        return bytes.fromhex(contracts.eddies.encode_abi(function, list(arguments))[2:])

    transfer = encoded("transfer", checksum_address(address), 5)
    assert await contract.to_address(REQUEST, 5) == [PaymentTransaction(TOKEN, 0, transfer)]
    payments = bytes.fromhex(deployment.payments[2:])
    approval, call_ = contract.by_call(REQUEST)
    assert approval == PaymentTransaction(TOKEN, 0, encoded("approve", deployment.payments, REQUEST.amount))
    data = bytes.fromhex(contracts.payments.encode_abi("pay", [abi_values(REQUEST)])[2:])
    assert call_ == PaymentTransaction(payments, 0, data)


class Following:
    """A follower that sees these orders, one after another."""

    def __init__(self, *orders: Order | None) -> None:
        self.orders = list(orders)

    def order(self, order_id: int) -> Order | None:
        return self.orders[0]

    async def wait_for(self, condition: Callable[[Any], bool]) -> None:
        while not condition(self):
            self.orders.pop(0)


async def wait(*orders: Order | None) -> OrderPaid:
    following: Any = Following(*orders)
    return await wait_until_paid(following, 1)


async def test_waiting_ends_when_the_order_is_paid() -> None:
    paid = OrderPaid(block_hash=b"\x07" * 32, tx_hash=None)
    assert await wait(order(), order(), order(state=OrderState.PAID, tx_details=paid)) == paid


@pytest.mark.parametrize("last", [None, order(state=OrderState.CANCELED)], ids=["gone", "canceled"])
async def test_waiting_for_an_order_that_is_gone_fails(last: Order | None) -> None:
    with pytest.raises(ClientError, match="canceled"):
        await wait(order(), last)


# The request


def test_details_of_an_unpaid_order_give_the_request() -> None:
    """Whatever the payee's CallAsContract: it is never a payment endpoint here."""
    assert payment_request(order(), SHOP_ID) == REQUEST


def tampered_total(made: Order) -> None:
    assert made.payment_details is not None
    made.payment_details.total += 1


def tampered_ttl(made: Order) -> None:
    assert made.payment_details is not None
    made.payment_details.ttl += 1


def tampered_id(made: Order) -> None:
    assert made.payment_details is not None
    made.payment_details.payment_id = bytes(32)


def tampered_payee(made: Order) -> None:
    assert made.chosen_payee is not None
    made.chosen_payee.address.address = b"\x12" * 20


def tampered_currency(made: Order) -> None:
    made.chosen_currency = ChainAddress(chain_id=31337, address=bytes(20))


def tampered_chain(made: Order) -> None:
    assert made.chosen_payee is not None
    assert made.chosen_currency is not None
    made.chosen_payee.address.chain_id = made.chosen_currency.chain_id = 1


def tampered_payees_chain(made: Order) -> None:
    assert made.chosen_payee is not None
    made.chosen_payee.address.chain_id = 1


TAMPERED = [
    tampered_total,
    tampered_ttl,
    tampered_id,
    tampered_payee,
    tampered_currency,
    tampered_chain,
    tampered_payees_chain,
]


@pytest.mark.parametrize("tamper", TAMPERED)
def test_mismatch_of_anything_is_not_to_be_paid(tamper: Callable[[Order], None]) -> None:
    made = order()
    tamper(made)
    with pytest.raises(PaymentMismatch):
        payment_request(made, SHOP_ID)


# The offer


def selling(price: int = 100, **manifest: Any) -> ShopState:
    """A shop that sells one thing, and ships to the US for a tenth more."""
    region = {"Country": "US", "PostalCode": "", "City": ""}
    region["PriceModifiers"] = {"tax": {"ModificationPercent": 110}}  # type: ignore[assignment]
    value = {
        "ShopID": SHOP_ID,
        "Payees": {31337: {PAYEE: {"CallAsContract": True}}},
        "AcceptedCurrencies": {31337: {TOKEN: {}, bytes(20): {}}},
        "PricingCurrency": {"ChainID": 31337, "Address": TOKEN},
        "ShippingRegions": {"us": region},
    }
    info = {"Title": "Cup", "Description": "Holds coffee"}
    listing = {"ID": 1, "Price": price, "Metadata": info, "ViewState": 1}
    return shop((LISTING, number(1), listing), manifest=value | manifest)


def offered(state: ShopState, total: int = 330, **changed: Any) -> Order:
    """Make an order that a relay answered in this state."""
    request = msgspec.structs.replace(REQUEST, amount=total)
    made = order(request, **changed)
    made.payment_details = payment_details(request, listing_snapshots(state, made))
    return made


def test_what_is_offered_is_what_the_shop_sells_for_its_price() -> None:
    state = selling()
    assert payment_request(offered(state), SHOP_ID, state).amount == 330


def test_an_offer_of_another_listing_is_not_to_be_paid() -> None:
    made = offered(selling(price=99))
    assert payment_request(made, SHOP_ID).amount == 330
    with pytest.raises(PaymentMismatch, match="ListingHashes"):
        payment_request(made, SHOP_ID, selling())


@pytest.mark.parametrize("total", [329, 331])
def test_another_total_than_the_price_is_not_to_be_paid(total: int) -> None:
    made = offered(selling(), total)
    assert payment_request(made, SHOP_ID).amount == total
    with pytest.raises(PaymentMismatch, match=f"the total is {total}, and the shop's price now 330"):
        payment_request(made, SHOP_ID, selling())


def test_what_is_sold_no_more_or_not_there_is_not_to_be_paid() -> None:
    made = offered(selling())
    with pytest.raises(PaymentMismatch, match="not what the shop sells now"):
        payment_request(made, SHOP_ID, shop())
    with pytest.raises(PaymentMismatch, match="does not ship"):
        payment_request(made, SHOP_ID, selling(ShippingRegions={}))


def test_of_another_currency_the_listings_alone_are_checked() -> None:
    native: dict[str, Any] = {"PricingCurrency": {"ChainID": 31337, "Address": bytes(20)}}
    state = selling(**native)
    assert payment_request(offered(state, 7), SHOP_ID, state).amount == 7
    with pytest.raises(PaymentMismatch, match="ListingHashes"):
        payment_request(offered(state, 7), SHOP_ID, selling(101, **native))


def test_request_of_another_shop_is_not_to_be_paid() -> None:
    with pytest.raises(PaymentMismatch, match=str(SHOP_ID - 1)):
        payment_request(order(), SHOP_ID - 1)


@pytest.mark.parametrize(
    "made",
    [
        order(state=OrderState.PAYMENT_CHOSEN),
        order(state=OrderState.PAID),
        order(state=OrderState.CANCELED),
        order(payment_details=None),
        order(chosen_payee=None),
        order(chosen_currency=None),
    ],
)
def test_order_that_is_not_unpaid_has_no_request(made: Order) -> None:
    with pytest.raises(ClientError, match="not waiting for a payment"):
        payment_request(made, SHOP_ID)


# The address


@pytest.fixture
def contract(dev_chain: DevChain, deployment: Deployment) -> PaymentsContract:
    return PaymentsContract(dev_chain.rpc_url, payments=deployment.payments)


def expected(contracts: Contracts, request: PaymentRequest) -> bytes:
    """Ask the contract for the address with the payee as the one who gets back what is too much."""
    found = call(contracts.payments.functions.getPaymentAddress(abi_values(request), request.payee))
    return bytes.fromhex(found[2:])


async def test_address_is_the_contracts(contract: PaymentsContract, contracts: Contracts) -> None:
    other = msgspec.structs.replace(REQUEST, currency=bytes(20), payee=b"\x12" * 20)
    for request in (REQUEST, other):
        assert await contract.address_of(request) == expected(contracts, request)


async def test_request_on_another_chain_than_the_endpoints_has_no_answer(contract: PaymentsContract) -> None:
    with pytest.raises(ChainUnavailable, match="on chain 31337, not on 1"):
        await contract.address_of(msgspec.structs.replace(REQUEST, chain_id=1))


async def test_request_on_a_chain_with_other_addresses_is_not_to_be_paid(contract: PaymentsContract) -> None:
    with pytest.raises(PaymentMismatch, match="addresses of another kind"):
        await contract.address_of(msgspec.structs.replace(REQUEST, chain_id=324))


async def test_no_contract_is_no_answer(dev_chain: DevChain) -> None:
    with pytest.raises(ChainUnavailable, match="no such contract"):
        await PaymentsContract(dev_chain.rpc_url, payments=b"\x11" * 20).address_of(REQUEST)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with rpc_endpoint() as endpoint:
        yield endpoint


CHAIN = hex(31337)
ELSEWHERE = "0x" + encode(["address"], [b"\x66" * 20]).hex()


def bytecode(contracts: Contracts, request: PaymentRequest) -> str:
    found: bytes = call(contracts.payments.functions.getBytecode(abi_values(request), request.payee))
    return "0x" + encode(["bytes"], [found]).hex()


async def test_endpoint_that_names_an_address_of_its_own_is_found_out(
    endpoint: Endpoint, contracts: Contracts
) -> None:
    contract = PaymentsContract(endpoint.url, payments=contracts.payments.address)
    endpoint.results = [CHAIN, bytecode(contracts, REQUEST), ELSEWHERE]
    with pytest.raises(PaymentMismatch, match="another address"):
        await contract.address_of(REQUEST)


async def test_code_of_another_request_is_found_out(endpoint: Endpoint, contracts: Contracts) -> None:
    other = msgspec.structs.replace(REQUEST, payee=b"\x12" * 20)
    contract = PaymentsContract(endpoint.url, payments=contracts.payments.address)
    endpoint.results = [CHAIN, bytecode(contracts, other), ELSEWHERE]
    with pytest.raises(PaymentMismatch, match="something else than was asked"):
        await contract.address_of(REQUEST)


async def test_code_is_read_once(endpoint: Endpoint, contracts: Contracts) -> None:
    contract = PaymentsContract(endpoint.url, payments=contracts.payments.address)
    named = "0x" + encode(["address"], [expected(contracts, REQUEST)]).hex()
    endpoint.results = [CHAIN, bytecode(contracts, REQUEST), named]
    first = await contract.address_of(REQUEST)
    endpoint.results = [CHAIN, named]
    assert await contract.address_of(REQUEST) == first
    assert endpoint.asked == 5


async def test_contract_that_reverts_is_no_answer(endpoint: Endpoint, contracts: Contracts) -> None:
    contract = PaymentsContract(endpoint.url, payments=contracts.payments.address)
    endpoint.results = [CHAIN]
    endpoint.body = b'{"id":1,"error":{"code":3,"message":"execution reverted","data":"0x"}}'
    with pytest.raises(ChainUnavailable, match="refuses"):
        await contract.address_of(REQUEST)
