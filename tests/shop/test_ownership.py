from minirelay.protocol.ids import NOBODY
from minirelay.shop.ownership import Ownership
from tests.shop.authors import CLERK, GUEST, OPEN_ORDER, ORDER, sealed


def test_an_order_is_its_creators_until_it_is_removed_that_included() -> None:
    base = {(6).to_bytes(8): 9}
    ownership = Ownership(base)
    add, remove = sealed(("add", ("Orders", 5), OPEN_ORDER), ("remove", ("Orders", 5), None)).patches
    assert ownership.of(ORDER) == NOBODY
    assert [ownership.note(patch, GUEST) for patch in (add, remove)] == [GUEST.card_row] * 2
    assert ownership.of(ORDER) == NOBODY
    assert ownership.note(add, CLERK) == NOBODY
    assert ownership.of((6).to_bytes(8)) == 9
    assert (ownership.changed, base) == ({ORDER: NOBODY}, {(6).to_bytes(8): 9})
