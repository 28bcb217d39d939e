"""What the relay adds, as sets."""

from datetime import UTC, datetime
from itertools import count

from minirelay.protocol.cbor import Value, encode
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.relay_sets import MOST_BYTES, cancel_patches, relay_sets


def test_an_order_is_canceled_as_of_now_or_as_its_customer_began_it() -> None:
    path = ("Orders", 5)
    state = NewPatch("replace", (*path, "State"), 2)
    at = NewPatch("add", (*path, "CanceledAt"), datetime(2027, 1, 15, 8, tzinfo=UTC))

    assert cancel_patches((5).to_bytes(8), False, 1_800_000_000) == (at, state)
    assert cancel_patches((5).to_bytes(8), True, 1_800_000_000) == (state,)


def test_patches_of_an_order_stay_in_one_set() -> None:
    numbers = count()
    groups = [tuple(NewPatch("remove", ("Orders", next(numbers))) for _ in range(n)) for n in (2, 1, 2, 2)]

    sets = relay_sets(groups, 4)
    assert [[one.path[1] for one in one_set] for one_set in sets] == [[0, 1, 2], [3, 4, 5, 6]]
    assert relay_sets([]) == []


def test_large_patches_are_spread_over_more_sets() -> None:
    details: Value = {"ListingHashes": [bytes(32)] * 3000}
    groups = [(NewPatch("add", ("Orders", n, "PaymentDetails"), details),) for n in range(10)]
    sets = relay_sets(groups)

    assert [len(one_set) for one_set in sets] == [3, 3, 3, 1]
    assert max(sum(len(encode(one.value)) for one in one_set) for one_set in sets) < MOST_BYTES
    assert relay_sets(groups, most_bytes=1) == [list(group) for group in groups]
