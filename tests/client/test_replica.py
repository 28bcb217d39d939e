import pytest

from minirelay.client.errors import VerificationFailed
from minirelay.client.patches import add_stock, set_price
from minirelay.client.received import open_received
from minirelay.client.replica import MOST_UNSETTLED, Replica
from tests.client.logs import CLERK, SHOP_ID, Log, add_listing, new_shop


def a_log(prices: int = 0) -> Log:
    log = new_shop()
    log.add(CLERK, add_listing(1) + add_stock(1, 5))
    for price in range(prices):
        log.add(CLERK, set_price(1, price))
    return log


def test_the_state_is_the_relays() -> None:
    log = a_log(3)
    replica = Replica()
    for seq, pushed in enumerate(log.sets, 1):
        replica.apply(open_received(pushed, SHOP_ID))
        assert replica.state.root_hash == log.states[seq].root_hash


@pytest.mark.parametrize("prices", [1, MOST_UNSETTLED - 5, MOST_UNSETTLED, 2 * MOST_UNSETTLED + 3])
def test_looking_late_makes_no_difference(prices: int) -> None:
    log = a_log(prices)
    replica = Replica()
    for pushed in log.sets:
        replica.apply(open_received(pushed, SHOP_ID))
    assert replica.state.root_hash == log.state.root_hash


def test_parts_of_a_set_add_up() -> None:
    log = a_log()
    replica = Replica(log.states[3])
    replica.apply(open_received(log.set(4, (0,)), SHOP_ID))
    replica.apply(open_received(log.set(4, (1,)), SHOP_ID))
    assert replica.state.root_hash == log.state.root_hash


def test_what_breaks_the_rules_changes_nothing() -> None:
    log = a_log(5)
    replica = Replica()
    for pushed in log.sets:
        replica.apply(open_received(pushed, SHOP_ID))
    bad = log.add_inapplicable(CLERK, set_price(1, 999) + set_price(2, 1))
    with pytest.raises(VerificationFailed, match="breaks the rules") as caught:
        replica.apply(open_received(bad, SHOP_ID))
    assert caught.value.seq == bad.seq
    assert replica.state.root_hash == log.state.root_hash
    replica.apply(open_received(log.add(CLERK, set_price(1, 77)), SHOP_ID))
    assert replica.state.root_hash == log.state.root_hash


def test_states_given_out_stay_what_they_are() -> None:
    log = a_log()
    replica = Replica(log.states[3])
    before = replica.state
    replica.apply(open_received(log.set(4), SHOP_ID))
    assert before.root_hash == log.states[3].root_hash
    assert replica.state.root_hash != before.root_hash
