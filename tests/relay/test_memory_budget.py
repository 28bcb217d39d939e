"""Who is closed when sessions together hold too much, and who is not."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from minirelay.relay.memory_budget import LOG_INTERVAL_S, Account, MemoryBudget
from minirelay.shop.access import Role
from tests.relay.house import until

LIMIT = 1000


@dataclass
class Holder:
    """A session that gives back all that it holds when it is told to, or later."""

    account: Account
    lingers: list[bool]

    @property
    def is_closed(self) -> bool:
        return bool(self.lingers)


@pytest.fixture
def budget() -> MemoryBudget:
    return MemoryBudget(LIMIT)


def open_holder(budget: MemoryBudget, held: int = 0, role: Role = Role.VISITOR) -> Holder:
    lingers: list[bool] = []
    holder = Holder(budget.open(lingers.append), lingers)
    holder.account.role = role
    holder.account.hold(held)
    return holder


async def settle(budget: MemoryBudget) -> None:
    await until(lambda: budget.size_bytes <= budget.limit_bytes)


async def test_nobody_is_closed_up_to_the_limit(budget: MemoryBudget) -> None:
    holders = [open_holder(budget, LIMIT // 4) for _ in range(4)]
    await asyncio.sleep(0)
    assert not any(holder.is_closed for holder in holders)
    assert budget.size_bytes == LIMIT


async def test_those_that_hold_most_are_closed_until_it_fits(budget: MemoryBudget) -> None:
    holders = [open_holder(budget, held) for held in (100, 500, 200, 400, 300)]
    await settle(budget)
    assert [holder.is_closed for holder in holders] == [False, True, False, False, False]
    holders[0].account.hold(300)
    holders[2].account.hold(100)
    await settle(budget)
    assert [holder.is_closed for holder in holders] == [True, True, False, False, False]
    assert budget.size_bytes == 1000


async def test_what_a_guest_holds_counts_half_and_a_clerks_a_quarter(budget: MemoryBudget) -> None:
    clerk = open_holder(budget, 396, Role.CLERK)
    guest = open_holder(budget, 198, Role.GUEST)
    visitors = [open_holder(budget, 100) for _ in range(4)]
    visitors.append(open_holder(budget, 102))
    await settle(budget)
    assert [visitor.is_closed for visitor in visitors] == [False] * 4 + [True]
    assert not clerk.is_closed
    assert not guest.is_closed
    # The sum is of what is really held.
    assert budget.size_bytes == 396 + 198 + 400
    clerk.account.hold(20)
    await settle(budget)
    assert (clerk.is_closed, guest.is_closed) == (True, False)


async def test_what_the_closed_still_hold_closes_nobody_else(budget: MemoryBudget) -> None:
    large, small = open_holder(budget, 900), open_holder(budget, 101)
    await settle(budget)
    assert (budget.size_bytes, budget.closing_bytes) == (101, 900)
    large.account.hold(50)
    large.account.hold(-950)
    assert budget.closing_bytes == 0
    assert not small.is_closed


async def test_they_are_torn_down_at_once_while_those_before_them_still_linger(budget: MemoryBudget) -> None:
    first = open_holder(budget, LIMIT + 1)
    await settle(budget)
    second = open_holder(budget, LIMIT + 1)
    await settle(budget)
    first.account.hold(-LIMIT - 1)
    second.account.hold(-LIMIT - 1)
    third = open_holder(budget, LIMIT + 1)
    await settle(budget)
    assert [holder.lingers for holder in (first, second, third)] == [[True], [False], [True]]


async def test_a_session_that_ended_by_itself_is_none_to_close(budget: MemoryBudget) -> None:
    ended = open_holder(budget, LIMIT)
    ended.account.end()
    ended.account.end()
    other = open_holder(budget, LIMIT)
    await asyncio.sleep(0)
    assert not ended.is_closed
    assert not other.is_closed
    assert (budget.size_bytes, budget.closing_bytes) == (LIMIT, LIMIT)


async def test_what_is_given_back_in_the_same_turn_closes_nobody(budget: MemoryBudget) -> None:
    holder = open_holder(budget, LIMIT + 1)
    holder.account.hold(-1)
    await asyncio.sleep(0)
    assert not holder.is_closed


async def test_memory_is_tight_from_half_of_the_limit_on(budget: MemoryBudget) -> None:
    holder = open_holder(budget, LIMIT // 2)
    assert not holder.account.is_tight
    holder.account.hold(1)
    assert holder.account.is_tight


async def test_one_pass_over_the_sessions_closes_all_that_must_go(
    budget: MemoryBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    rank: Callable[[Account], float] = Account.rank.fget  # type: ignore[attr-defined]

    def counted(account: Account) -> float:
        nonlocal asked
        asked += 1
        return rank(account)

    monkeypatch.setattr(Account, "rank", property(counted))
    holders = [open_holder(budget, LIMIT // 10) for _ in range(100)]
    await settle(budget)
    assert sum(holder.is_closed for holder in holders) == 90
    assert asked == 100


async def test_closings_are_logged_now_and_then_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    budget = MemoryBudget(LIMIT, clock=lambda: now)
    for _ in range(3):
        open_holder(budget, LIMIT + 1)
        await settle(budget)
    assert [vars(record)["closed"] for record in caplog.records] == [1]
    now += LOG_INTERVAL_S
    open_holder(budget, LIMIT + 1)
    await settle(budget)
    assert [vars(record)["closed"] for record in caplog.records] == [1, 3]
