"""What proves a payment in coins, with both variants of the Payments contract, and what never does."""

from contextlib import suppress

import pytest
from eth_abi.abi import encode
from eth_typing import HexStr
from web3 import Web3
from web3.contract import Contract
from web3.types import Wei

from minirelay.chain.chain import Chain
from minirelay.chain.errors import BudgetSpent
from minirelay.payments.native_proof import BATCH, Rule
from minirelay.shop.payment_request import PaymentRequest, abi_values
from tests.chain_fixtures import Contracts
from tests.contracts.deploying import VARIANTS, deploy, payments_variant
from tests.dev.contracts.contract_calls import ENOUGH_GAS, PAYEE, PAYER, REFUND, STRANGER, call, send
from tests.payments.proving import AMOUNT, Proving, WatchedReader, address, request_for
from tests.system.payers import ROUTES, Payer, Route


@pytest.fixture(params=VARIANTS)
def proving(w3: Web3, contracts: Contracts, chain: Chain, request: pytest.FixtureRequest) -> Proving:
    return Proving(w3, Payer(w3, payments_variant(w3, contracts, request.param)), chain)


@pytest.fixture
def deployed(w3: Web3, contracts: Contracts, chain: Chain) -> Proving:
    return Proving(w3, Payer(w3, payments_variant(w3, contracts, "deployed")), chain)


# Honest ones


@pytest.mark.parametrize("route", [one for one in ROUTES if not one.takes_any_amount], ids=str)
async def test_every_honest_call_is_proven(proving: Proving, route: Route) -> None:
    token = address(proving.payer.contracts.eddies.address)
    request = request_for(currency=token) if route.is_token else request_for()
    receipt = route.pay(proving.payer, request, request.amount)
    proof = await proving.prove(request, receipt)
    assert proof is not None
    rules = {"token by call": Rule.EVENT, "smart wallet": Rule.WALLET}
    assert proof.rule is rules.get(route.name, Rule.CALL)
    assert proof.event.transaction_hash == bytes(receipt["transactionHash"])


async def test_payment_by_the_payee_itself_is_proven(proving: Proving) -> None:
    request = request_for(payee=address(PAYER))
    proof = await proving.prove(request, proving.payer.by_call(request, AMOUNT))
    assert proof is not None


@pytest.mark.parametrize("refund", [PAYEE, REFUND])
async def test_swept_address_proves_whatever_its_refund(proving: Proving, refund: str) -> None:
    request = request_for()
    payer = proving.payer
    paid_to = call(payer.function("getPaymentAddress", abi_values(request), refund))
    payer.transfer(proving.w3.to_checksum_address(paid_to), AMOUNT)
    proof = await proving.prove(request, payer.sweep(request, address(refund)))
    assert proof is not None
    assert (proof.rule, proof.payer) == (Rule.SWEEPER, address(paid_to))


async def test_addresses_swept_together_are_proven_each(proving: Proving) -> None:
    requests, payer = [request_for(1), request_for(2)], proving.payer
    for one in requests:
        payer.transfer(
            proving.w3.to_checksum_address(
                call(payer.function("getPaymentAddress", abi_values(one), REFUND))
            ),
            AMOUNT,
        )
    swept = payer.function("batch", [abi_values(one) for one in requests], [REFUND, REFUND])
    receipt = send(swept, STRANGER)
    for one in requests:
        proof = await proving.prove(one, receipt)
        assert proof is not None
        assert proof.rule is Rule.SWEEPER


async def test_address_that_a_contract_sweeps_is_proven(proving: Proving) -> None:
    request, payer = request_for(), proving.payer
    payer.by_address(request, AMOUNT)
    payments = payer.contracts.payments
    data = payments.encode_abi(
        "processPayment", [abi_values(request), proving.w3.to_checksum_address(request.payee)]
    )
    receipt = send(payer.wallet.functions.execute(payments.address, 0, data), STRANGER)
    proof = await proving.prove(request, receipt)
    assert proof is not None
    assert proof.rule is Rule.SWEEPER


async def test_wallet_in_a_bundle_is_proven(proving: Proving) -> None:
    payer, entry_point = proving.payer, deploy(proving.w3, "EntryPoint")
    payments, operations, requests = payer.contracts.payments, [], []
    for shop_id in range(1, 4):
        wallet, request = deploy(proving.w3, "SmartWallet"), request_for(shop_id)
        payer.transfer(wallet.address, AMOUNT)
        data = payments.encode_abi("pay", [abi_values(request)])
        operations.append((wallet.address, payments.address, AMOUNT, data))
        requests.append((request, address(wallet.address)))
    receipt = send(entry_point.functions.handleOps(operations), STRANGER)
    for request, wallet_address in requests:
        proof = await proving.prove(request, receipt)
        assert proof is not None
        assert (proof.rule, proof.payer) == (Rule.WALLET, wallet_address)


# Attacks, on the contract with which they work


def attacker_on(proving: Proving, victim: PaymentRequest) -> tuple[Contract, PaymentRequest]:
    """An EIP-1271 wallet that pays the victim's request by a permit when its own is paid."""
    attacker = deploy(proving.w3, "Attacker", proving.payer.contracts.payments.address)
    send(attacker.functions.aim(abi_values(victim)), STRANGER)
    own = request_for(2, payee=address(attacker.address), is_payment_endpoint=True, amount=1)
    return attacker, own


async def test_endpoint_that_comes_back_with_a_permit_proves_nothing(deployed: Proving) -> None:
    victim = request_for()
    _, own = attacker_on(deployed, victim)
    receipt = send(deployed.payer.function("pay", abi_values(own)), PAYER, 1)
    assert await deployed.prove(victim, receipt) is None
    # The attacker did pay its own.
    assert await deployed.prove(own, receipt) is not None


async def test_contract_that_pays_itself_and_comes_back_proves_nothing(deployed: Proving) -> None:
    victim = request_for()
    attacker, own = attacker_on(deployed, victim)
    receipt = send(attacker.functions.attack(abi_values(own)), PAYER, 1)
    assert await deployed.prove(victim, receipt) is None


async def test_same_call_of_another_contract_proves_nothing(deployed: Proving) -> None:
    # A payee is called with the very call data that pays the request, were it sent to Payments.
    victim = request_for()
    attacker, _ = attacker_on(deployed, victim)
    receipt = send(attacker.functions.pay(abi_values(victim)), PAYER)
    assert await deployed.prove(victim, receipt) is None


async def test_forged_element_beside_an_honest_one_proves_nothing(deployed: Proving) -> None:
    honest, forged = request_for(1), request_for(2)
    signatures = [b"", deployed.permit(forged)]
    elements = [abi_values(honest), abi_values(forged)]
    receipt = send(deployed.payer.function("multiPay", elements, signatures), PAYER, AMOUNT)
    assert await deployed.prove(forged, receipt) is None
    proof = await deployed.prove(honest, receipt)
    assert proof is not None
    assert proof.rule is Rule.CALL


async def test_permit_for_coins_alone_proves_nothing(deployed: Proving) -> None:
    request = request_for()
    paid = deployed.payer.function("payToken", abi_values(request), deployed.permit(request))
    assert await deployed.prove(request, send(paid, PAYER)) is None


async def test_forger_in_one_bundle_with_an_honest_wallet_proves_nothing(deployed: Proving) -> None:
    victim, honest, payer = request_for(), request_for(2), deployed.payer
    attacker, _ = attacker_on(deployed, victim)
    entry_point, wallet, other = (deploy(deployed.w3, name) for name in ("EntryPoint", *["SmartWallet"] * 2))
    payer.transfer(wallet.address, AMOUNT)
    payments = payer.contracts.payments
    operations = [
        (wallet.address, payments.address, AMOUNT, payments.encode_abi("pay", [abi_values(honest)])),
        (other.address, attacker.address, 0, attacker.encode_abi("payVictim", [])),
    ]
    receipt = send(entry_point.functions.handleOps(operations), STRANGER)
    assert await deployed.prove(victim, receipt) is None
    assert await deployed.prove(honest, receipt) is not None


async def test_paying_by_call_later_settles_what_was_forged_before(deployed: Proving) -> None:
    victim = request_for()
    attacker, own = attacker_on(deployed, victim)
    forged = send(attacker.functions.attack(abi_values(own)), PAYER, 1)
    assert await deployed.prove(victim, forged) is None
    honest = deployed.payer.by_call(victim, AMOUNT)
    proof = await deployed.prove(victim, forged, honest)
    assert proof is not None
    assert (proof.rule, proof.event.transaction_hash) == (Rule.CALL, bytes(honest["transactionHash"]))


# What may be asked


async def test_rule_1_is_tried_for_all_events_before_rule_3_for_any(deployed: Proving) -> None:
    victim, forged = request_for(), []
    for _ in range(3):
        attacker, own = attacker_on(deployed, victim)
        forged.append(send(attacker.functions.attack(abi_values(own)), PAYER, 1))
    reader = WatchedReader(deployed.chain)
    honest = deployed.payer.by_call(victim, AMOUNT)
    assert await deployed.prove(victim, *forged, honest, reader=reader) is not None
    assert reader.methods == ["eth_getTransactionByHash"] * 4
    assert reader.requests == 1


async def test_what_is_known_to_prove_nothing_is_not_asked_again(deployed: Proving) -> None:
    victim = request_for()
    attacker, own = attacker_on(deployed, victim)
    forged = send(attacker.functions.attack(abi_values(own)), PAYER, 1)
    reader = WatchedReader(deployed.chain)
    for _ in range(2):
        assert await deployed.prove(victim, forged, reader=reader) is None
    assert reader.methods.count("eth_getTransactionByHash") == 1
    assert reader.methods.count("eth_getTransactionReceipt") == 1


async def test_honest_call_costs_one_request_and_a_wallet_few(proving: Proving) -> None:
    request, reader = request_for(), WatchedReader(proving.chain)
    await proving.prove(request, proving.payer.by_call(request, AMOUNT), reader=reader)
    assert reader.requests == 1
    for shop_id, requests in ((2, 6), (3, 4)):
        # The contract itself is looked at the first time only.
        request, reader = request_for(shop_id), WatchedReader(proving.chain)
        await proving.prove(request, proving.payer.by_smart_wallet(request, AMOUNT), reader=reader)
        assert reader.requests == requests


async def test_work_goes_on_where_the_budget_ended(deployed: Proving) -> None:
    victim, receipts = request_for(), []
    for _ in range(2 * BATCH):
        attacker, _ = attacker_on(deployed, victim)
        receipts.append(send(attacker.functions.payVictim(), STRANGER))
    receipts.append(deployed.payer.by_call(victim, AMOUNT))
    polls, proof = 0, None
    while proof is None:
        polls += 1
        with suppress(BudgetSpent):
            proof = await deployed.prove(victim, *receipts, reader=WatchedReader(deployed.chain, budget=1))
    assert polls == 3
    assert proof.rule is Rule.CALL


async def test_transaction_that_is_too_long_hides_no_other(deployed: Proving) -> None:
    victim, receipts = request_for(), []
    for _ in range(3):
        attacker, _ = attacker_on(deployed, victim)
        receipts.append(send(attacker.functions.payVictim(), STRANGER))
    too_long = {bytes(receipts[1]["transactionHash"])}
    honest = deployed.payer.by_call(victim, AMOUNT)
    reader = WatchedReader(deployed.chain, too_long=too_long)
    proof = await deployed.prove(victim, *receipts, honest, reader=reader)
    assert proof is not None
    assert proof.event.transaction_hash == bytes(honest["transactionHash"])


async def test_receipt_that_is_too_long_proves_nothing(proving: Proving) -> None:
    request = request_for()
    receipt = proving.payer.by_smart_wallet(request, AMOUNT)
    reader = WatchedReader(proving.chain, too_long={bytes(receipt["transactionHash"])})
    assert await proving.prove(request, receipt, reader=reader) is None


async def test_wallets_are_not_proven_where_permit2_is_another(
    proving: Proving, caplog: pytest.LogCaptureFixture
) -> None:
    proving.prover = proving.new_prover(permit2=STRANGER)
    by_wallet, by_call = request_for(1), request_for(2)
    assert await proving.prove(by_wallet, proving.payer.by_smart_wallet(by_wallet, AMOUNT)) is None
    assert "chains.31337.permit2" in caplog.text
    assert await proving.prove(by_call, proving.payer.by_call(by_call, AMOUNT)) is not None


async def test_no_events_prove_nothing_and_ask_nothing(deployed: Proving) -> None:
    reader = WatchedReader(deployed.chain)
    assert await deployed.prover.prove(request_for(), [], reader, deployed.head()) is None
    assert reader.requests == 0


async def test_call_data_that_the_contract_reads_otherwise_proves_nothing(deployed: Proving) -> None:
    """The forged element's permit lies where a careless decoder finds an empty one."""
    honest, forged = request_for(1), request_for(2)
    elements = [abi_values(honest), abi_values(forged)]
    permit = deployed.permit(forged)
    data = bytearray(
        bytes.fromhex(deployed.payer.contracts.payments.encode_abi("multiPay", [elements, [b"", permit]])[2:])
    )
    canonical = bytes(data)
    # The first permit, which is empty, is moved behind everything else.
    begin = canonical.index(encode(["bytes[]"], [[b"", permit]])[32:])
    data[begin + 32 : begin + 64] = (len(data) - begin - 32).to_bytes(32)
    data += bytes(32)
    sent = deployed.w3.eth.send_transaction(
        {
            "from": PAYER,
            "to": deployed.payer.contracts.payments.address,
            "data": HexStr("0x" + data.hex()),
            "value": Wei(AMOUNT),
            "gas": ENOUGH_GAS,
        }
    )
    receipt = deployed.w3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    assert await deployed.prove(forged, receipt) is None
