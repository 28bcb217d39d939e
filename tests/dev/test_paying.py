"""Paying on the development chain: what arrives where, in each way."""

from fractions import Fraction

import pytest
from msgspec.structs import replace
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.paying import How, Purse, code_at, pass_time, pay, show_amount
from minirelay.errors import ConfigError
from minirelay.protocol.addresses import MULTICALL_ADDRESS, NATIVE_COIN
from minirelay.shop.payment_request import PaymentRequest, abi_values
from tests.chain_fixtures import Contracts, rpc
from tests.contracts.deploying import deploy
from tests.dev.contracts.contract_calls import PAYEE, STRANGER, call, send
from tests.payments.proving import AMOUNT, address, request_for

ALL = Fraction(1)


@pytest.fixture
def purse(chain: Chain, dev_chain: DevChain, contracts: Contracts) -> Purse:
    payments, eddies = contracts.payments.address, contracts.eddies.address
    return Purse(chain, dev_chain.rpc_url, ACCOUNTS[5], address(payments), address(eddies))


def named(w3: Web3, contracts: Contracts, request: PaymentRequest) -> str:
    return w3.to_checksum_address(
        call(contracts.payments.functions.getPaymentAddress(abi_values(request), PAYEE))
    )


def is_made(contracts: Contracts, payer: str, request: PaymentRequest) -> bool:
    made: bool = call(contracts.payments.functions.hasPaymentBeenMade(payer, abi_values(request)))
    return made


@pytest.fixture(params=["coins", "token"])
def request_(contracts: Contracts, request: pytest.FixtureRequest) -> PaymentRequest:
    token = address(contracts.eddies.address)
    return request_for(currency=token if request.param == "token" else NATIVE_COIN)


async def test_contract_pays_all_of_it(purse: Purse, contracts: Contracts, request_: PaymentRequest) -> None:
    paid = await pay(purse, request_, How.CONTRACT, ALL)
    assert paid.is_mined
    assert paid.to == contracts.payments.address
    assert is_made(contracts, purse.account.address, request_)


async def test_wallet_is_a_contract(purse: Purse, contracts: Contracts, request_: PaymentRequest) -> None:
    await pay(purse, request_, How.WALLET, ALL)
    assert is_made(contracts, Web3.to_checksum_address(MULTICALL_ADDRESS), request_)


async def test_parts_at_the_address_add_up(
    purse: Purse, w3: Web3, contracts: Contracts, request_: PaymentRequest
) -> None:
    to = named(w3, contracts, request_)
    for share in (Fraction(1, 2), Fraction(6, 10)):
        assert (await pay(purse, request_, How.ADDRESS, share)).to == to
    balance = (
        w3.eth.get_balance(w3.to_checksum_address(to))
        if request_.currency == NATIVE_COIN
        else call(contracts.eddies.functions.balanceOf(to))
    )
    assert balance == AMOUNT * 11 // 10


@pytest.mark.parametrize(("coins", "figure", "units"), [(25 * 10**17, "2.50 EDD", 250), (1, "0.01 EDD", 1)])
async def test_token_for_an_order_in_coins_is_the_wrong_currency_in_the_same_figure(
    purse: Purse, w3: Web3, contracts: Contracts, coins: int, figure: str, units: int
) -> None:
    request = replace(request_for(), amount=coins)
    paid = await pay(purse, request, How.TOKEN, ALL)
    assert paid.amount == figure
    to = named(w3, contracts, request)
    assert call(contracts.eddies.functions.balanceOf(to)) == units
    assert w3.eth.get_balance(w3.to_checksum_address(to)) == 0


async def test_what_can_not_be_is_refused(purse: Purse, w3: Web3, contracts: Contracts) -> None:
    with pytest.raises(ConfigError, match="is nothing"):
        await pay(purse, request_for(), How.ADDRESS, Fraction(1, 10**6))
    other = deploy(w3, "PlainToken", 18)
    request = request_for(currency=address(other.address))
    with pytest.raises(ConfigError, match=r"has 0 units .* 1000 are to be paid"):
        await pay(purse, request, How.CONTRACT, ALL)
    send(other.functions.mint(purse.account.address, AMOUNT), STRANGER)
    await pay(purse, request, How.CONTRACT, ALL)
    without = Purse(purse.chain, purse.rpc_url, purse.account, purse.payments, None)
    with pytest.raises(ConfigError, match="no Eddies"):
        await pay(without, request_for(), How.TOKEN, ALL)


async def test_without_blocks_it_is_said_that_it_waits(
    purse: Purse, w3: Web3, request_: PaymentRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirelay.dev.paying.MOST_WAIT_S", 0.01)
    rpc(w3, "evm_setAutomine", False)
    try:
        paid = await pay(purse, request_, How.CONTRACT, ALL)
    finally:
        rpc(w3, "evm_setAutomine", True)
    assert not paid.is_mined


async def test_amounts_are_written_as_people_read_them(purse: Purse, w3: Web3, contracts: Contracts) -> None:
    assert await show_amount(purse, NATIVE_COIN, 2 * 10**15) == "0.002 coins"
    assert await show_amount(purse, address(contracts.eddies.address), 6321) == "63.21 EDD"
    assert await show_amount(purse, address(deploy(w3, "PlainToken", 0).address), 7) == "7 PLN"
    nothing = address(contracts.payments.address)
    assert (await show_amount(purse, nothing, 7)).startswith("7 units of 0x")


async def test_code_is_seen(chain: Chain, contracts: Contracts) -> None:
    assert await code_at(chain, address(contracts.payments.address))
    assert not await code_at(chain, address(PAYEE))


async def test_time_passes_until_a_second_and_not_back(chain: Chain, w3: Web3) -> None:
    now = w3.eth.get_block("latest")["timestamp"]
    await pass_time(chain, now + 5000)
    assert w3.eth.get_block("latest")["timestamp"] == now + 5000
    head = w3.eth.block_number
    await pass_time(chain, now)
    assert w3.eth.block_number == head
