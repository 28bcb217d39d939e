from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import (
    NOBODY,
    PAYEE,
    PAYER,
    STRANGER,
    call,
    events,
    reverting,
    send,
)


def test_what_it_says_of_itself(contracts: Contracts) -> None:
    token = contracts.eddies.functions
    assert call(token.symbol()) == "EDD"
    assert call(token.name()) == "Eddies"
    assert call(token.decimals()) == 2


def test_anyone_mints_for_anyone(contracts: Contracts) -> None:
    receipt = send(contracts.eddies.functions.mint(PAYER, 12345), STRANGER)
    assert call(contracts.eddies.functions.balanceOf(PAYER)) == 12345
    assert call(contracts.eddies.functions.totalSupply()) == 12345
    assert events(contracts.eddies, "Transfer", receipt) == [{"from": NOBODY, "to": PAYER, "value": 12345}]


def test_transfers(contracts: Contracts) -> None:
    token = contracts.eddies
    send(token.functions.mint(PAYER, 100), STRANGER)
    receipt = send(token.functions.transfer(PAYEE, 30), PAYER)
    assert call(token.functions.balanceOf(PAYER)) == 70
    assert call(token.functions.balanceOf(PAYEE)) == 30
    assert events(token, "Transfer", receipt) == [{"from": PAYER, "to": PAYEE, "value": 30}]
    with reverting("ERC20InsufficientBalance(address,uint256,uint256)", PAYER, 70, 71):
        call(token.functions.transfer(PAYEE, 71), PAYER)


def test_approved_spender_transfers(contracts: Contracts) -> None:
    token = contracts.eddies
    send(token.functions.mint(PAYER, 100), STRANGER)
    send(token.functions.approve(STRANGER, 40), PAYER)
    assert call(token.functions.allowance(PAYER, STRANGER)) == 40
    send(token.functions.transferFrom(PAYER, PAYEE, 40), STRANGER)
    assert call(token.functions.balanceOf(PAYEE)) == 40
    with reverting("ERC20InsufficientAllowance(address,uint256,uint256)", STRANGER, 0, 1):
        call(token.functions.transferFrom(PAYER, PAYEE, 1), STRANGER)
