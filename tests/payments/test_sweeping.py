"""Sweeping on a real chain, the contract in both variants: what reaches the payee, what is never sent."""

import pytest
from msgspec.structs import replace
from web3 import Web3

from minirelay.chain.chain import Chain
from minirelay.chain.errors import TransactionPending
from minirelay.chain.sending import Sent
from minirelay.chain.transport import Transport
from minirelay.chain.wallet_lock import SENT_KEY, WalletLock
from minirelay.payments.sweep_rules import Verdict
from minirelay.payments.sweeping import SweepRefused
from minirelay.protocol.json_rpc import RpcError
from minirelay.store.unswept import SweepCandidate
from tests.chain.nodes import CHAIN_ID
from tests.chain_fixtures import Contracts, rpc
from tests.contracts.deploying import VARIANTS, deploy, payments_variant
from tests.dev.contracts.contract_calls import PAYEE
from tests.payments.proving import address
from tests.payments.sweeps import AMOUNT, NOWHERE, WALLET, Remembered, Sweeping, Watched
from tests.system.payers import Payer

OTHER_CHAIN = 10


@pytest.fixture(params=VARIANTS)
def sweeping(w3: Web3, contracts: Contracts, chain: Chain, request: pytest.FixtureRequest) -> Sweeping:
    return Sweeping(w3, Payer(w3, payments_variant(w3, contracts, request.param)), chain)


@pytest.fixture
def deployed(w3: Web3, contracts: Contracts, chain: Chain) -> Sweeping:
    return Sweeping(w3, Payer(w3, payments_variant(w3, contracts, "deployed")), chain)


async def verdicts(sweeping: Sweeping, *candidates: SweepCandidate) -> list[Verdict]:
    return [one.verdict for one in await sweeping.sweeper.look(candidates)]


async def assert_refused(sweeping: Sweeping, one: SweepCandidate) -> None:
    assert await verdicts(sweeping, one) == [Verdict.REFUSED]
    await assert_not_sent(sweeping, one, "does not reach the payee")


async def assert_not_sent(sweeping: Sweeping, one: SweepCandidate, words: str) -> None:
    before = sweeping.sent_count()
    with pytest.raises(SweepRefused, match=words):
        await sweeping.sweeper.sweep(one)
    assert sweeping.sent_count() == before


@pytest.mark.parametrize("surplus", [0, 1, AMOUNT])
@pytest.mark.parametrize("is_token", [False, True], ids=["coins", "token"])
async def test_all_that_lies_there_reaches_the_payee(
    sweeping: Sweeping, is_token: bool, surplus: int
) -> None:
    token = sweeping.payer.contracts.eddies if is_token else None
    one = sweeping.candidate(currency=token.address if token else None)
    sweeping.pay(one, AMOUNT + surplus, token)
    before = sweeping.balance(PAYEE, token)
    assert await verdicts(sweeping, one) == [Verdict.SWEEP]
    swept = await sweeping.sweeper.sweep(one)
    assert sweeping.balance(PAYEE, token) == before + AMOUNT + surplus
    assert (swept.is_overtaken, swept.left) == (False, 0)
    receipt = sweeping.w3.eth.get_transaction_receipt(swept.transaction)  # type: ignore[arg-type]
    assert receipt["status"] == 1
    # Once swept, it is nobody's business any more.
    assert await verdicts(sweeping, one) == []


async def test_a_root_hash_that_waits_keeps_no_money_waiting(sweeping: Sweeping) -> None:
    one = sweeping.candidate()
    sweeping.pay(one)
    lock = WalletLock(sweeping.meta, WALLET, CHAIN_ID)
    nonce = sweeping.w3.eth.get_transaction_count(Web3.to_checksum_address(WALLET.address))
    await lock.note("anchor", Sent(CHAIN_ID, WALLET.address, nonce, 80 * 10**9, 8 * 10**9, b"h" * 32))
    swept = await sweeping.sweeper.sweep(one)
    mined = sweeping.w3.eth.get_transaction(swept.transaction)  # type: ignore[arg-type]
    assert mined["nonce"] == nonce
    assert (mined["maxFeePerGas"], mined["maxPriorityFeePerGas"]) == (90 * 10**9, 9 * 10**9)
    # The root hash finds that another transaction took its place.
    assert sweeping.meta.values[f"{SENT_KEY}/{CHAIN_ID}"].find(swept.transaction) > 0


async def test_the_gas_limits_are_those_of_the_settings(sweeping: Sweeping) -> None:
    token = sweeping.payer.contracts.eddies
    coin, of_token = sweeping.candidate(), sweeping.candidate(currency=token.address)
    sweeping.pay(coin)
    sweeping.pay(of_token, AMOUNT, token)
    for one, gas in [(coin, 300_000), (of_token, 500_000)]:
        swept = await sweeping.sweeper.sweep(one)
        sent = sweeping.w3.eth.get_transaction(swept.transaction)  # type: ignore[arg-type]
        assert sent["gas"] == gas


async def test_a_part_is_not_swept_before_its_time_is_over(sweeping: Sweeping) -> None:
    one = sweeping.candidate()
    sweeping.pay(one, AMOUNT - 1)
    assert await verdicts(sweeping, one) == [Verdict.WAIT]
    await assert_not_sent(sweeping, one, "the rest could still come")
    assert await verdicts(sweeping, replace(one, is_order_paid=True)) == [Verdict.SWEEP]
    sweeping.let_time_end()
    before = sweeping.balance(PAYEE)
    await sweeping.sweeper.sweep(one)
    assert sweeping.balance(PAYEE) == before + AMOUNT - 1


async def test_nothing_is_sent_where_a_stranger_swept_first(sweeping: Sweeping) -> None:
    token = sweeping.payer.contracts.eddies
    one = sweeping.candidate(currency=token.address)
    sweeping.pay(one, AMOUNT, token)
    sweeping.sweep_as_stranger(one)
    assert await verdicts(sweeping, one) == []
    await assert_not_sent(sweeping, one, "nothing lies there")
    # What comes later stays there for ever.
    sweeping.pay(one, 5, token)
    assert await verdicts(sweeping, one) == [Verdict.LEFT]
    await assert_not_sent(sweeping, one, "swept before")


async def test_a_sweep_that_a_stranger_overtakes_is_seen_to_have_arrived(sweeping: Sweeping) -> None:
    one = sweeping.candidate()
    sweeping.pay(one)
    before = sweeping.balance(PAYEE)

    class Overtaken(Remembered):
        """Between the trial and the transaction, a stranger comes."""

        async def put_meta(self, key: str, value: bytes) -> None:
            if not self.values:
                sweeping.sweep_as_stranger(one)
            await super().put_meta(key, value)

    sweeping.meta = Overtaken()
    swept = await sweeping.sweeper.sweep(one)
    assert (swept.is_overtaken, swept.left) == (True, 0)
    assert sweeping.balance(PAYEE) == before + AMOUNT


async def test_money_that_a_hungry_payee_does_not_take_is_not_touched(deployed: Sweeping) -> None:
    payee = deploy(deployed.w3, "HungryPayee")
    one = deployed.candidate(payee=payee.address)
    deployed.pay(one)
    assert await verdicts(deployed, one) == [Verdict.REFUSED]
    await assert_not_sent(deployed, one, "does not reach the payee")
    # As it would be when its time is over: the sweeper leaves the money where nobody can get it.
    deployed.let_time_end()
    assert await verdicts(deployed, one) == [Verdict.REFUSED]
    assert deployed.balance(deployed.payer.address_of(one.request)) == AMOUNT


async def test_a_token_paid_over_is_swept_in_time_or_reported_as_locked(deployed: Sweeping) -> None:
    token = deployed.payer.contracts.eddies
    early, late = (deployed.candidate(currency=token.address, number=number) for number in (1, 2))
    for one in (early, late):
        deployed.pay(one, AMOUNT + 1, token)
    await deployed.sweeper.sweep(early)
    assert deployed.balance(PAYEE, token) == AMOUNT + 1
    deployed.let_time_end()
    assert await verdicts(deployed, late) == [Verdict.LOCKED]
    await assert_not_sent(deployed, late, "paid over and not swept in time")


async def test_a_token_that_returns_nothing_is_never_sent(deployed: Sweeping) -> None:
    token = deploy(deployed.w3, "SilentToken")
    one = deployed.candidate(currency=token.address)
    deployed.pay(one, AMOUNT, token)
    assert await verdicts(deployed, one) == [Verdict.REFUSED]
    await assert_not_sent(deployed, one, "does not reach the payee")


async def test_a_token_of_which_less_arrives_is_not_sent(deployed: Sweeping) -> None:
    token = deploy(deployed.w3, "FeeToken")
    one = deployed.candidate(currency=token.address)
    deployed.pay(one, 2 * AMOUNT, token)
    assert await verdicts(deployed, one) == [Verdict.REFUSED]
    await assert_not_sent(deployed, one, "does not reach the payee")


async def test_what_cannot_be_read_is_not_taken_for_nothing(deployed: Sweeping) -> None:
    nowhere = deployed.candidate(currency="0x" + "77" * 20, is_paid=True)
    coin = deployed.candidate(number=2)
    deployed.pay(coin)
    assert await verdicts(deployed, nowhere, coin) == [Verdict.SWEEP, Verdict.UNREAD]
    await assert_not_sent(deployed, nowhere, "does not say what lies there")


async def test_a_fee_above_its_ceiling_is_not_paid(sweeping: Sweeping) -> None:
    one = sweeping.candidate()
    sweeping.pay(one)
    sweeping.terms = replace(sweeping.terms, fee=1000)
    await assert_not_sent(sweeping, one, "sweep_fee allows")


async def test_the_fees_of_a_day_have_a_ceiling_and_a_new_day_has_its_own(sweeping: Sweeping) -> None:
    first, second = (sweeping.candidate(number=number) for number in (1, 2))
    for one in (first, second):
        sweeping.pay(one)
    await sweeping.sweeper.sweep(first)
    spent = int.from_bytes(sweeping.meta.values[f"sweep_fees_{CHAIN_ID}"][8:])
    assert spent > 0
    sweeping.terms = replace(sweeping.terms, fees_per_day=spent * 3 // 2)
    await assert_not_sent(sweeping, second, "sweep_fees_per_day")
    sweeping.time += 86_400
    await sweeping.sweeper.sweep(second)


async def test_what_is_not_worth_its_fee_is_not_sent(sweeping: Sweeping) -> None:
    one = sweeping.candidate()
    sweeping.pay(one)
    asked = []

    def never(amount: int, fee: int) -> bool:
        asked.append((amount, fee))
        return False

    before = sweeping.sent_count()
    with pytest.raises(SweepRefused, match="too much"):
        await sweeping.sweeper.sweep(one, never)
    ((amount, fee),) = asked
    assert amount == AMOUNT
    assert fee > 0
    assert (sweeping.sent_count(), sweeping.meta.values) == (before, {})


@pytest.mark.parametrize("is_token", [False, True], ids=["coins", "token"])
async def test_it_is_tried_and_sent_without_multicall3_too(sweeping: Sweeping, is_token: bool) -> None:
    token = sweeping.payer.contracts.eddies if is_token else None
    one = sweeping.candidate(currency=token.address if token else None)
    sweeping.pay(one, AMOUNT + 1, token)
    sweeping.multicall = NOWHERE
    before = sweeping.balance(PAYEE, token)
    assert await verdicts(sweeping, one) == [Verdict.SWEEP]
    assert (await sweeping.sweeper.sweep(one)).left == 0
    assert sweeping.balance(PAYEE, token) == before + AMOUNT + 1


async def test_what_would_not_reach_the_payee_is_not_sent_without_multicall3_either(
    deployed: Sweeping,
) -> None:
    deployed.multicall = NOWHERE
    hungry = deployed.candidate(payee=deploy(deployed.w3, "HungryPayee").address)
    deployed.pay(hungry)
    await assert_refused(deployed, hungry)
    deployed.let_time_end()
    await assert_refused(deployed, hungry)
    for number, name in enumerate(("SilentToken", "FeeToken"), 2):
        token = deploy(deployed.w3, name)
        one = deployed.candidate(currency=token.address, number=number)
        deployed.pay(one, 2 * AMOUNT, token)
        await assert_refused(deployed, one)


async def test_many_are_tried_without_multicall3_within_a_bound(
    w3: Web3, contracts: Contracts, rpc_endpoint: Transport
) -> None:
    counted = Watched(rpc_endpoint)
    sweeping = Sweeping(w3, Payer(w3, contracts), Chain(CHAIN_ID, [counted]))
    sweeping.multicall = NOWHERE
    ones = [sweeping.candidate(number=number) for number in range(1, 46)]
    for one in ones:
        sweeping.pay(one)
    assert await verdicts(sweeping, *ones) == [Verdict.SWEEP] * 45
    # The chain, what addresses are made of, the head, balances, counts, whether there is Multicall3. Then
    # each twenty with what shows whether code runs, and with a call that always works.
    assert counted.requests[6:] == [22, 22, 7]


async def test_where_it_cannot_be_tried_it_is_not_sent(
    w3: Web3, contracts: Contracts, rpc_endpoint: Transport
) -> None:
    endpoint = Watched(rpc_endpoint, RpcError(-32602, "missing field to"))
    sweeping = Sweeping(w3, Payer(w3, contracts), Chain(CHAIN_ID, [endpoint]))
    sweeping.multicall = NOWHERE
    one = sweeping.candidate()
    sweeping.pay(one)
    assert await verdicts(sweeping, one) == [Verdict.UNTRIED]
    await assert_not_sent(sweeping, one, "no Multicall3")


async def test_what_is_not_mined_is_replaced_and_never_two_are_in_flight(deployed: Sweeping) -> None:
    first, second = (deployed.candidate(number=number) for number in (1, 2))
    for one in (first, second):
        deployed.pay(one)
    deployed.timeout_s = 0.5
    sweeper, before = deployed.sweeper, deployed.sent_count()
    rpc(deployed.w3, "evm_setAutomine", False)
    try:
        with pytest.raises(TransactionPending):
            await sweeper.sweep(first)
        with pytest.raises(TransactionPending):
            await sweeper.sweep(second)
        pending = deployed.w3.eth.get_transaction_count(
            deployed.w3.to_checksum_address(WALLET.address), "pending"
        )
        assert pending == before + 1
        rpc(deployed.w3, "evm_mine")
    finally:
        rpc(deployed.w3, "evm_setAutomine", True)
    assert deployed.sent_count() == before + 1
    assert await verdicts(deployed, first, second) == [Verdict.SWEEP]
    # The one that was replaced has its turn.
    assert (await sweeper.sweep(first)).left == 0
    assert await verdicts(deployed, first, second) == []


@pytest.mark.parametrize("amount", [AMOUNT - 1, AMOUNT, AMOUNT + 1])
async def test_coins_that_came_on_the_wrong_chain_are_given_back_to_the_payee_there(
    sweeping: Sweeping, amount: int
) -> None:
    one = sweeping.candidate(chain_id=OTHER_CHAIN, is_paid=True)
    sweeping.pay(one, amount)
    (found,) = await sweeping.sweeper.look([one])
    # Before its time is over the deployed contract gives back what is less than was asked for, and no more.
    assert (found.verdict, found.is_elsewhere) == (Verdict.WAIT, True)
    await assert_not_sent(sweeping, one, "when the request's time is over")
    sweeping.let_time_end()
    (found,) = await sweeping.sweeper.look([one])
    assert (found.verdict, found.chain_id) == (Verdict.SWEEP, CHAIN_ID)
    assert "see first that it is the payee's on this chain" in found.why
    before = sweeping.balance(PAYEE)
    assert (await sweeping.sweeper.sweep(one)).left == 0
    assert sweeping.balance(PAYEE) == before + amount
    assert await verdicts(sweeping, one) == []


@pytest.mark.parametrize("surplus", [-1, 0, 1])
async def test_a_token_that_came_on_the_wrong_chain_is_given_back_unless_it_is_too_much(
    deployed: Sweeping, surplus: int
) -> None:
    token = deployed.payer.contracts.eddies
    one = deployed.candidate(currency=token.address, chain_id=OTHER_CHAIN)
    deployed.pay(one, AMOUNT + surplus, token)
    assert await verdicts(deployed, one) == [Verdict.WAIT]
    deployed.let_time_end()
    assert await verdicts(deployed, one) == [Verdict.LOCKED if surplus > 0 else Verdict.SWEEP]
    if surplus <= 0:
        await deployed.sweeper.sweep(one)
        assert deployed.balance(PAYEE, token) == AMOUNT + surplus


async def test_dust_on_the_wrong_chain_is_not_worth_its_fee(sweeping: Sweeping) -> None:
    one = sweeping.candidate(chain_id=OTHER_CHAIN)
    sweeping.pay(one, 1000)
    sweeping.let_time_end()
    await assert_not_sent(sweeping, one, "too much for what lies there")


async def test_where_there_is_no_contract_nobody_can_move_what_came_on_the_wrong_chain(
    sweeping: Sweeping,
) -> None:
    elsewhere, own = sweeping.candidate(chain_id=OTHER_CHAIN), sweeping.candidate()
    for one in (elsewhere, own):
        sweeping.pay(one)
    sweeping.let_time_end()
    assert await verdicts(sweeping, elsewhere, own) == [Verdict.SWEEP, Verdict.SWEEP]
    # Another one makes other addresses, at which nothing lies.
    sweeping.payments = address(deploy_payments(sweeping))
    assert await verdicts(sweeping, elsewhere) == []
    sweeping.payments = NOWHERE
    assert await verdicts(sweeping, elsewhere) == []
    await assert_not_sent(sweeping, elsewhere, "nothing lies there")


def deploy_payments(sweeping: Sweeping) -> str:
    """Deploy one more contract."""
    permit2 = deploy(sweeping.w3, "CarelessPermit2")
    contract = deploy(sweeping.w3, "DeployedPayments", permit2.address)
    return str(contract.address)
