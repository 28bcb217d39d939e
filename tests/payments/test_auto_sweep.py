"""What is swept by itself, by policy, by fee, and how often it is tried."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from minirelay.errors import ChainError
from minirelay.payments.auto_sweep import MOST_LOOKED_AT, REST_S, AutoSweep, AutoSweepPolicy
from minirelay.payments.sweep_rules import Verdict
from minirelay.payments.sweeping import SweepRefused, Swept
from minirelay.payments.unswept import Unswept
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.payment_alerts import PaymentAlertKind
from minirelay.shop.payment_request import PaymentRequest, payment_id
from minirelay.shop.quote import Rate
from minirelay.store.payment_rows import PaymentRows
from minirelay.store.unswept import SweepCandidate

NOW = 1_800_000_000
TOKEN = b"\x07" * 20


def candidate(state: RequestState, *, is_coin: bool = False, amount: int = 1000) -> SweepCandidate:
    request = PaymentRequest(
        chain_id=1,
        ttl=NOW + 60,
        currency=NATIVE_COIN if is_coin else TOKEN,
        amount=amount,
        payee=b"\x01" * 20,
        shop_id=1,
    )
    return SweepCandidate(
        id=payment_id(request),
        shop=3,
        order_id=bytes(8),
        request=request,
        state=state,
        issued_at=NOW - 60,
        is_order_paid=True,
        decimals=None if is_coin else 2,
    )


class World:
    """Requests, and a sweeper that notes what it is asked. fee: of each sweep. fails: how each ends."""

    chain_id = 1

    def __init__(self, *candidates: SweepCandidate, fee: int = 1, rate: Rate | None = None) -> None:
        self.candidates = candidates
        self.fee = fee
        self.rate = rate
        self.fails: ChainError | None = None
        self.verdict = Verdict.SWEEP
        self.swept: list[bytes] = []
        self.lying: int | None = None
        self.looks = 0
        self.looked_at = 0
        self.told: list[PaymentRows] = []
        self.time = NOW

    async def sweep_candidates(
        self, chain_id: int, *, states: Sequence[RequestState], since: int
    ) -> list[SweepCandidate]:
        return [one for one in self.candidates if one.state in states and one.issued_at >= since]

    async def look(self, candidates: Sequence[SweepCandidate]) -> list[Unswept]:
        self.looks += 1
        self.looked_at += len(candidates)
        return [
            Unswept(
                candidate=one,
                chain_id=1,
                address=b"\x05" * 20,
                amount=one.request.amount if self.lying is None else self.lying,
                verdict=self.verdict,
            )
            for one in candidates
            if one.id not in self.swept
        ]

    async def sweep(self, one: SweepCandidate, may_cost: object) -> Swept:
        assert callable(may_cost)
        if self.fails is not None:
            raise self.fails
        if not may_cost(one.request.amount, self.fee):
            raise SweepRefused("too much")
        self.swept.append(one.id)
        return Swept(b"\x01" * 32, 0)

    async def let_look(self, policy: AutoSweepPolicy, later: int = 0) -> list[bytes]:
        auto = self.auto(policy)
        await auto.look()
        return self.swept

    def auto(self, policy: AutoSweepPolicy) -> AutoSweep:
        def facts() -> Facts:
            return Facts(NOW, {}, {}, {}, lambda _pricing, _chosen: self.rate)

        async def tell(rows: PaymentRows) -> None:
            self.told.append(rows)

        return AutoSweep(self, [(self, policy)], facts, lambda: self.time, tell)  # type: ignore[arg-type, list-item]


OVER = candidate(RequestState.OVER)
OVER_COIN = candidate(RequestState.OVER, is_coin=True)
PAID = candidate(RequestState.PAID, amount=1001)
PAID_COIN = candidate(RequestState.PAID, is_coin=True, amount=1001)
LATE = candidate(RequestState.LATE, amount=1002)


@pytest.mark.parametrize(
    ("policy", "swept"),
    [("off", []), ("over", [OVER]), ("paid", [OVER, OVER_COIN, PAID, PAID_COIN])],
)
async def test_what_is_swept_by_itself_is_a_matter_of_the_policy(
    policy: AutoSweepPolicy, swept: list[SweepCandidate]
) -> None:
    world = World(OVER, OVER_COIN, PAID, PAID_COIN, LATE)
    assert await world.let_look(policy) == [one.id for one in swept]


@pytest.mark.parametrize(("fee", "is_swept"), [(19, True), (20, False)])
async def test_a_fee_of_two_percent_is_too_much(fee: int, is_swept: bool) -> None:
    world = World(OVER_COIN, fee=fee)
    assert bool(await world.let_look("paid")) is is_swept


@pytest.mark.parametrize(("fee", "is_swept"), [(10**17 - 1, True), (10**17, False)])
async def test_a_token_is_priced_in_coins(fee: int, is_swept: bool) -> None:
    # 10.00 of it are worth 5 coins.
    world = World(OVER, fee=fee, rate=Rate(1, 2))
    assert bool(await world.let_look("over")) is is_swept


async def test_what_has_no_price_is_swept() -> None:
    for one, rate in [(OVER, None), (replace(OVER, decimals=None), Rate(1, 2))]:
        assert await World(one, fee=10**30, rate=rate).let_look("over") == [one.id]


@pytest.mark.parametrize("failure", [SweepRefused("too much"), ChainError("no funds")])
async def test_what_fails_is_left_alone_for_an_hour(failure: ChainError) -> None:
    world = World(OVER)
    auto = world.auto("over")
    world.fails = failure
    await auto.look()
    world.fails = None
    world.time = NOW + REST_S - 1
    await auto.look()
    assert (world.swept, world.looks) == ([], 1)
    world.time = NOW + REST_S
    await auto.look()
    assert world.swept == [OVER.id]


async def test_what_is_swept_or_not_to_be_is_not_looked_at_each_time() -> None:
    for verdict in (Verdict.SWEEP, Verdict.LOCKED):
        world = World(OVER)
        world.verdict = verdict
        auto = world.auto("over")
        for _ in range(4):
            await auto.look()
        assert world.looks == (2 if verdict is Verdict.SWEEP else 1)


async def test_what_is_paid_over_after_it_was_looked_at_as_paid_is_swept_at_the_next_look() -> None:
    world = World(PAID)
    auto = world.auto("over")
    await auto.look()
    assert world.swept == []
    world.candidates = (replace(PAID, state=RequestState.OVER),)
    world.time += 30
    await auto.look()
    assert world.swept == [PAID.id]


@pytest.mark.parametrize("policy", ["off", "over", "paid"])
async def test_what_a_sweep_left_is_told_of_whatever_the_policy(policy: AutoSweepPolicy) -> None:
    world = World(PAID_COIN)
    world.verdict = Verdict.LEFT
    auto = world.auto(policy)
    for _ in range(3):
        await auto.look()
        world.time += REST_S
    # Once, though it is looked at again.
    assert world.looks == 3
    (rows,) = world.told
    (alert,) = rows.alerts
    assert (rows.shop, rows.raised_at) == (3, NOW)
    assert (alert.kind, alert.request_id, alert.amount) == (PaymentAlertKind.LEFT, PAID_COIN.id, 1001)
    assert (alert.place, alert.is_urgent) == ((1, NATIVE_COIN), True)
    world.lying = 2000
    await auto.look()
    assert [rows.alerts[0].amount for rows in world.told] == [1001, 2000]


@pytest.mark.parametrize(("amount", "is_told"), [(100, False), (101, True)])
async def test_dust_at_an_address_that_was_swept_is_not_told_of(amount: int, is_told: bool) -> None:
    world = World(PAID_COIN)
    world.verdict, world.lying = Verdict.LEFT, amount
    await world.let_look("over")
    assert bool(world.told) is is_told


async def test_very_many_are_looked_at_one_part_after_the_other() -> None:
    many = [candidate(RequestState.PAID, is_coin=True, amount=amount) for amount in range(1, 2502)]
    world = World(*many)
    world.verdict = Verdict.LOCKED
    auto = world.auto("over")
    for looked_at in (MOST_LOOKED_AT, 2501, 2501):
        await auto.look()
        assert world.looked_at == looked_at
