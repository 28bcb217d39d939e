"""A copy of a shop follows the relay's rules, and can be kept."""

import msgspec
import pytest

from minirelay.client.errors import VerificationFailed
from minirelay.client.patches import add_order, add_stock, add_tag, set_price
from minirelay.client.received import Position, ReceivedSet, open_received
from minirelay.client.replica import MOST_UNSETTLED, Checkpoint, Replica
from minirelay.errors import MalformedInput
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.access import Role
from tests.client.logs import CLERK, GUEST, GUESTS, RELAY, SHOP_ID, STRANGER, Log, add_listing, new_shop


def checkpoint() -> Checkpoint:
    log = new_shop()
    log.add(CLERK, add_listing(1) + add_stock(1, 5) + add_tag("mugs", [1]) + add_order(9))
    return Checkpoint(SHOP_ID, Position(4, 2), False, log.state)


def test_it_comes_back_as_it_was() -> None:
    kept = checkpoint()
    back = Checkpoint.from_bytes(kept.to_bytes())
    assert (back.shop_id, back.position, back.is_complete) == (SHOP_ID, Position(4, 2), False)
    assert back.state.root_hash == kept.state.root_hash
    assert list(back.state.objects()) == list(kept.state.objects())


def test_the_beginning_is_one_too() -> None:
    back = Checkpoint.from_bytes(Checkpoint(2**256 - 1).to_bytes())
    assert back == Checkpoint(2**256 - 1)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 40, b"not a checkpoint"])
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedInput, match="not a checkpoint"):
        Checkpoint.from_bytes(data)


def test_a_checkpoint_that_was_cut_short_is_refused() -> None:
    data = checkpoint().to_bytes()
    for size in range(0, len(data), 97):
        with pytest.raises(MalformedInput):
            Checkpoint.from_bytes(data[:size])


def test_other_contents_than_were_kept_are_refused() -> None:
    data = checkpoint().to_bytes()
    assert data.count(b"Thing 1") == 1
    with pytest.raises(MalformedInput, match="root hash"):
        Checkpoint.from_bytes(data.replace(b"Thing 1", b"Thing 2"))


def test_another_version_is_refused() -> None:
    fields = msgspec.msgpack.decode(checkpoint().to_bytes())
    fields["version"] = 99
    with pytest.raises(MalformedInput, match="version 99"):
        Checkpoint.from_bytes(msgspec.msgpack.encode(fields))


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


def signed(log: Log, seq: int, role: Role) -> ReceivedSet:
    """Return a set of the log as one whose signer was checked."""
    return open_received(log.set(seq), SHOP_ID).with_role(role)


def new_order(number: int) -> list[NewPatch]:
    return [NewPatch("add", ("Orders", number), {"ID": number, "Items": [], "State": 1})]


def with_two_guests() -> Log:
    """Return a log in which a guest adds an order, and a second guest's set then removes it."""
    log = new_shop()
    log.add(RELAY, [NewPatch("append", ("Accounts", GUESTS, "KeyCards"), STRANGER.public_key)])
    log.add(GUEST, new_order(7))
    log.add(STRANGER, [NewPatch("remove", ("Orders", 7))])
    return log


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_guests_order_is_its_own(is_settled: bool) -> None:
    log = with_two_guests()
    replica = Replica()
    for seq in range(1, 6):
        replica.apply(signed(log, seq, Role.GUEST if seq == 5 else Role.RELAY))
    if is_settled:
        assert replica.state.root_hash == log.states[5].root_hash
    with pytest.raises(VerificationFailed, match="no such order of yours"):
        replica.apply(signed(log, 6, Role.GUEST))
    assert replica.state.root_hash == log.states[5].root_hash
    # Its creator may.
    own = log.append(log.sign(GUEST, [NewPatch("remove", ("Orders", 7))]))
    replica.apply(open_received(own, SHOP_ID).with_role(Role.GUEST))
    assert replica.state.root_hash == log.states[6].root_hash


def test_who_created_what_it_began_with_is_not_known() -> None:
    log = with_two_guests()
    replica = Replica(log.states[5])
    replica.apply(signed(log, 6, Role.GUEST))
    assert replica.state.root_hash == log.states[6].root_hash


def test_a_signer_who_was_not_checked_is_not_asked_for() -> None:
    log = with_two_guests()
    replica = Replica()
    for pushed in log.sets:
        replica.apply(open_received(pushed, SHOP_ID))
    assert replica.state.root_hash == log.state.root_hash
