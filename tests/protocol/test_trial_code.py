"""The code of a trial, run by a real EVM; what it returns is the three amounts, or nothing."""

import pytest
from web3 import Web3
from web3.exceptions import Web3Exception
from web3.types import TxParams

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.erc20 import TRANSFER
from minirelay.protocol.trial_code import RUNS, decode_trial, encode_trial
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import PAYEE, PAYER, send

HOLDER = "0x" + "44" * 20
NOWHERE = b"\x09" * 20


def run(w3: Web3, code: bytes, gas: int = 2_000_000) -> bytes:
    """Run code without a contract."""
    call: TxParams = {"data": Web3.to_hex(code), "gas": gas}
    return bytes(w3.eth.call(call))


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def test_the_code_that_shows_that_code_runs_returns_one(w3: Web3) -> None:
    assert run(w3, RUNS) == (1).to_bytes(32)


def test_coins_are_looked_at_before_and_behind(w3: Web3) -> None:
    w3.eth.send_transaction({"from": w3.to_checksum_address(PAYER), "to": HOLDER, "value": 7})  # type: ignore[typeddict-item]
    has = w3.eth.get_balance(w3.to_checksum_address(PAYEE))
    code = encode_trial(NATIVE_COIN, raw(HOLDER), raw(PAYEE), NOWHERE, b"\x01" * 5000, 100_000)
    assert decode_trial(run(w3, code)) == (7, has, has)


def test_what_the_call_in_between_does_is_seen(w3: Web3, contracts: Contracts) -> None:
    token = contracts.eddies
    send(token.functions.mint(w3.to_checksum_address(HOLDER), 40), PAYER)
    # A transfer of nothing moves nothing; one that can't be made neither.
    for amount in (0, 5):
        code = encode_trial(
            raw(token.address),
            raw(HOLDER),
            raw(PAYEE),
            raw(token.address),
            TRANSFER.encode(raw(PAYEE), amount),
            100_000,
        )
        lying, before, after = decode_trial(run(w3, code))
        assert (lying, after - before) == (40, 0)
    mint = bytes.fromhex(token.encode_abi("mint", [w3.to_checksum_address(PAYEE), 9])[2:])
    code = encode_trial(raw(token.address), raw(HOLDER), raw(PAYEE), raw(token.address), mint, 100_000)
    lying, before, after = decode_trial(run(w3, code))
    assert (lying, after - before) == (40, 9)
    # With too little gas it fails by itself, and the amounts are known all the same.
    code = encode_trial(raw(token.address), raw(HOLDER), raw(PAYEE), raw(token.address), mint, 1000)
    lying, before, after = decode_trial(run(w3, code))
    assert (lying, after - before) == (40, 0)
    # Nothing of it has happened.
    assert token.functions.balanceOf(w3.to_checksum_address(PAYEE)).call() == before


@pytest.mark.parametrize("token", [NOWHERE, raw(PAYEE)])
def test_a_token_that_says_no_amount_is_not_taken_for_one_with_nothing(w3: Web3, token: bytes) -> None:
    with pytest.raises(Web3Exception):
        run(w3, encode_trial(token, raw(HOLDER), raw(PAYEE), NOWHERE, b"", 100_000))


@pytest.mark.parametrize("data", [b"", bytes(95), bytes(97)])
def test_what_is_no_answer_to_a_trial_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        decode_trial(data)
