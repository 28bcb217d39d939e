"""The table of payment requests: as in the docstring, and as a second reading of spec 06 has it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.payments import states
from minirelay.payments.states import (
    DONE,
    SETTLES,
    TABLE,
    TRANSITIONS,
    Effect,
    Finding,
    Observation,
    OrderStanding,
    Rule,
    Step,
    find,
    step,
)
from minirelay.shop.issued_requests import RequestState

UNPAID, PAID, CANCELED = OrderStanding.UNPAID, OrderStanding.PAID, OrderStanding.CANCELED
S = RequestState

AMOUNTS = st.sampled_from([0, 0, 1, 99, 100, 499, 500, 989, 990, 999, 1000, 1001, 2000])
OBSERVATIONS = st.builds(
    Observation,
    order=st.sampled_from(OrderStanding),
    total=st.sampled_from([0, 1000]),
    is_token=st.booleans(),
    tolerance=st.sampled_from([0, 10]),
    in_time=AMOUNTS,
    settled=AMOUNTS,
    too_late=AMOUNTS,
    known=AMOUNTS,
    has_unproven=st.booleans(),
    is_emptied=st.booleans(),
    is_over=st.booleans(),
    is_moved=st.booleans(),
    is_gone=st.booleans(),
)


def show(rule: Rule) -> list[str]:
    orders = [order.value for order in OrderStanding if order in rule.orders]
    then = "the same" if rule.then is None else rule.then.value
    does = ", ".join(effect.value for effect in Effect if effect in rule.effects)
    return [
        rule.finding.value,
        "any" if len(orders) == len(OrderStanding) else ", ".join(orders),
        ", ".join(state.value for state in RequestState if state in rule.states),
        f"{then}: {does}",
    ]


def printed() -> str:
    """Print the table as the docstring has it."""
    rows = [["finding", "order", "request", "then"], *map(show, TABLE)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(f"    {line}" for line in lines)


def test_the_docstring_has_the_table() -> None:
    assert printed() in (states.__doc__ or ""), f"put this into the docstring:\n\n{printed()}\n"


def test_no_two_lines_say_something_about_the_same() -> None:
    drawn = [(rule.finding, order, state) for rule in TABLE for order in rule.orders for state in rule.states]
    assert len(drawn) == len(set(drawn)) == len(TRANSITIONS)


# -- a second reading of the spec, by state


def enough(seen: Observation, amount: int) -> bool:
    if seen.total == 0:
        return amount > 0 or seen.order is UNPAID
    return amount > 0 and amount * 1000 >= seen.total * (1000 - seen.tolerance)


def read_open(state: RequestState, seen: Observation, is_dead: bool) -> tuple[RequestState, set[Effect]]:
    if enough(seen, seen.settled):
        is_over = seen.settled > seen.total
        if seen.order is UNPAID:
            return (S.OVER, {Effect.SETTLE, Effect.ALERT}) if is_over else (S.PAID, {Effect.SETTLE})
        return (S.DUPLICATE if seen.order is PAID else S.LATE), {Effect.ALERT}
    if seen.is_emptied and not is_dead:
        if seen.order is UNPAID:
            then = S.SHORT if seen.is_token else S.UNPROVEN
            return then, {Effect.DEAD, Effect.RENEW, Effect.HOLD, Effect.URGENT}
        return state, set()
    if state is S.UNPROVEN:
        return state, set()
    if seen.has_unproven:
        return S.UNPROVEN, {Effect.HOLD, Effect.ALERT}
    if enough(seen, seen.in_time):
        return S.SEEN, (set() if state is S.SEEN else {Effect.HOLD})
    if seen.too_late:
        return S.LATE, {Effect.HOLD, Effect.ALERT}
    if seen.is_over:
        return S.EXPIRED, {Effect.HOLD} if state is S.WAITING else {Effect.HOLD, Effect.ALERT}
    if seen.in_time:
        return (S.LATE, {Effect.ALERT}) if seen.order is CANCELED else (S.SHORT, {Effect.HOLD, Effect.ALERT})
    return S.WAITING, (set() if state is S.WAITING else {Effect.HOLD})


def read_closed(state: RequestState, seen: Observation) -> tuple[RequestState, set[Effect]]:
    if state is S.REVERTED:
        if not enough(seen, seen.settled):
            return state, set()
        if seen.settled > seen.total:
            return S.OVER, {Effect.RECORD, Effect.ALERT}
        return S.PAID, {Effect.RECORD}
    if state in (S.PAID, S.OVER):
        if seen.is_gone:
            return S.REVERTED, {Effect.ALERT}
        if seen.is_moved:
            return state, {Effect.RECORD}
        all_of_it, before = max(seen.settled, seen.money), max(seen.known, seen.total)
        return (S.OVER, {Effect.ALERT}) if all_of_it > before else (state, set())
    if state is S.DISMISSED:
        return state, set()
    if seen.has_unproven and state in (S.EXPIRED, S.SUPERSEDED, S.WITHDRAWN):
        return (S.UNPROVEN, {Effect.HOLD, Effect.ALERT}) if state is S.EXPIRED else (state, {Effect.ALERT})
    if seen.money > seen.known:
        return (S.LATE if state is S.EXPIRED else state), {Effect.ALERT}
    return state, set()


def second_reading(state: RequestState, seen: Observation, is_dead: bool) -> Step:
    if state in (S.WAITING, S.SHORT, S.SEEN, S.UNPROVEN):
        then, does = read_open(state, seen, is_dead)
    else:
        then, does = read_closed(state, seen)
    if Effect.ALERT in does:
        tells = then is not state or seen.money > seen.known
        tells = tells and not (then is S.EXPIRED and not seen.money)
        tells = tells or (seen.has_unproven and state in (S.SUPERSEDED, S.WITHDRAWN))
        if then is S.SHORT and seen.in_time * 10 < seen.total:
            tells = False
        if not tells:
            does = does - {Effect.ALERT}
        elif then is S.OVER and seen.is_token and not seen.is_over:
            does = does - {Effect.ALERT} | {Effect.URGENT}
    return Step(then, frozenset(does))


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(st.sampled_from(RequestState), OBSERVATIONS, st.booleans())
def test_every_step_is_what_the_spec_says(state: RequestState, seen: Observation, is_dead: bool) -> None:
    assert step(state, seen, is_dead=is_dead) == second_reading(state, seen, is_dead)


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(st.sampled_from(RequestState), OBSERVATIONS, st.booleans())
def test_what_is_not_drawn_does_not_happen(state: RequestState, seen: Observation, is_dead: bool) -> None:
    drawn = {(one, rule.then or one) for rule in TABLE for one in rule.states}
    after = step(state, seen, is_dead=is_dead)
    assert after.state is state or (state, after.state) in drawn


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.sampled_from(RequestState), OBSERVATIONS, st.booleans())
def test_an_order_is_settled_by_nothing_but_enough_proven_money_while_it_is_unpaid(
    state: RequestState, seen: Observation, is_dead: bool
) -> None:
    after = step(state, seen, is_dead=is_dead)
    if Effect.SETTLE in after.effects:
        assert seen.order is UNPAID
        assert state in SETTLES
        assert after.state in DONE
        assert seen.total == 0 or seen.settled >= seen.total - seen.total * seen.tolerance // 1000 > 0


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.sampled_from(RequestState), OBSERVATIONS)
def test_the_same_found_twice_does_nothing_more(state: RequestState, seen: Observation) -> None:
    """Money that is on record, of an order as the first step left it, changes nothing again."""
    quiet = {"has_unproven": False, "is_emptied": False, "is_moved": False, "is_gone": False}
    fields = {name: getattr(seen, name) for name in Observation.__struct_fields__} | quiet
    first = step(state, Observation(**fields))
    fields["known"] = max(seen.known, seen.money, seen.settled)
    if Effect.SETTLE in first.effects:
        fields["order"] = PAID
    second = step(first.state, Observation(**fields))
    if first.state is not state or first.effects:
        assert not second.effects - {Effect.HOLD}


def test_a_dismissed_request_is_never_heard_of_again() -> None:
    assert all(S.DISMISSED not in rule.states and rule.then is not S.DISMISSED for rule in TABLE)


def test_an_event_that_proves_nothing_never_pays() -> None:
    assert all(rule.then not in DONE for rule in TABLE if rule.finding is Finding.UNPROVEN)


def test_less_than_a_tenth_is_shown_and_nobody_is_told() -> None:
    seen = Observation(order=UNPAID, total=1000, is_token=True, in_time=99)
    assert step(S.WAITING, seen) == Step(S.SHORT, frozenset({Effect.HOLD}))
    assert (
        Effect.ALERT
        in step(S.WAITING, Observation(order=UNPAID, total=1000, is_token=True, in_time=100)).effects
    )


def test_what_a_tolerance_forgives_is_rounded_down_and_never_forgives_all() -> None:
    def finding(total: int, amount: int, tolerance: int) -> Finding:
        seen = Observation(order=UNPAID, total=total, is_token=True, tolerance=tolerance, settled=amount)
        return find(S.WAITING, seen)

    assert finding(1999, 1998, 1) is Finding.ENOUGH
    assert finding(1999, 1997, 1) is Finding.NOTHING
    assert finding(999, 998, 1) is Finding.NOTHING
    assert finding(5, 0, 1000) is Finding.NOTHING
    assert finding(0, 0, 0) is Finding.ENOUGH


@pytest.mark.parametrize("state", [RequestState.LATE, RequestState.DUPLICATE])
def test_an_event_that_proves_nothing_does_not_hide_money_that_came_with_it(state: RequestState) -> None:
    """What was recorded once is not told again; so it has to be told now."""
    seen = Observation(
        order=OrderStanding.CANCELED,
        total=10,
        is_token=False,
        too_late=7,
        known=2,
        has_unproven=True,
    )
    assert step(state, seen) == Step(state, frozenset({Effect.ALERT}))
