"""What was pushed: proved or refused; what is new of it, and what is public."""

import pytest

from minirelay.client import VerificationFailed
from minirelay.client.patches import add_order, add_stock
from minirelay.client.received import (
    BEGINNING,
    Completeness,
    Position,
    ReceivedSet,
    is_last_leaf,
    only_public,
    open_received,
    without_known,
)
from minirelay.errors import MalformedInput, Refusal
from minirelay.protocol.cbor import encode
from minirelay.protocol.gaps import number_after_restore
from minirelay.protocol.mmr import proofs, root
from minirelay.protocol.patch_set import NewPatch
from minirelay.protocol.push import SequencedPartialPatchSet
from minirelay.shop.access import Role
from tests.client.logs import CLERK, NOW, SHOP_ID, STRANGER, Log, add_listing, changed, new_shop


def test_a_whole_set_is_gone_on_after() -> None:
    assert Position(7).start == 7
    assert BEGINNING.start == 0


def test_a_set_that_may_be_known_by_half_is_asked_for_again() -> None:
    assert Position(7, 3).start == 6


def test_what_is_known_is_told_by_number_and_leaf() -> None:
    position = Position(7, 3)
    assert position.covers(6, 9999)
    assert position.covers(7, 3)
    assert not position.covers(7, 4)
    assert not position.covers(8, 0)


def test_of_a_whole_set_every_leaf_is_known() -> None:
    assert Position(7).covers(7, 9999)
    assert not Position(7).covers(8, 0)


def five_patches() -> tuple[Log, SequencedPartialPatchSet]:
    log = new_shop()
    return log, log.add(CLERK, [one for number in range(1, 6) for one in add_listing(number)])


def test_a_set_is_opened_with_all_that_was_proved() -> None:
    _, pushed = five_patches()
    received = open_received(pushed, SHOP_ID)
    assert received.seq == 4
    assert received.leaves == (0, 1, 2, 3, 4)
    assert received.leaf_index == 0
    assert received.signer == CLERK.public_key
    assert received.header.shop_id == SHOP_ID
    assert [patch.path for patch in received.patches] == [("Listings", number) for number in range(1, 6)]
    assert received.signed_as is None


@pytest.mark.parametrize("leaves", [(0,), (4,), (1, 3), (0, 2, 4), (3, 4)])
def test_a_part_of_a_set_knows_its_leaves(leaves: tuple[int, ...]) -> None:
    log, _ = five_patches()
    received = open_received(log.set(4, leaves), SHOP_ID)
    assert received.leaves == leaves
    assert [patch.object_id for patch in received.patches] == [(leaf + 1).to_bytes(8) for leaf in leaves]


def test_the_role_is_said_by_who_checked_it() -> None:
    _, pushed = five_patches()
    received = open_received(pushed, SHOP_ID)
    judged = received.with_role(Role.CLERK)
    assert judged.signed_as is Role.CLERK
    assert (judged.seq, judged.leaves, judged.patches) == (received.seq, received.leaves, received.patches)
    assert received.signed_as is None


def test_nobody_else_makes_received_sets() -> None:
    with pytest.raises(TypeError):
        ReceivedSet()


def refused(pushed: SequencedPartialPatchSet, shop_id: int = SHOP_ID) -> str:
    with pytest.raises(VerificationFailed) as caught:
        open_received(pushed, shop_id)
    assert caught.value.seq == pushed.seq
    return caught.value.reason


def test_another_patch_than_was_proved_is_refused() -> None:
    _, pushed = five_patches()
    forged = changed(pushed, patches=(pushed.patches[1], *pushed.patches[1:]))
    assert "does not lead to the root" in refused(forged)


def test_the_proof_of_another_patch_is_refused() -> None:
    _, pushed = five_patches()
    assert "does not lead to the root" in refused(
        changed(pushed, proofs=(pushed.proofs[1], *pushed.proofs[1:]))
    )


@pytest.mark.parametrize("proof", [b"", b"\x80", b"\xff", b"\x83\x00\x01\x81\x40", b"\x83\x20\x01\x80"])
def test_what_is_no_proof_is_refused(proof: bytes) -> None:
    _, pushed = five_patches()
    assert refused(changed(pushed, proofs=(proof, *pushed.proofs[1:])))


def test_there_has_to_be_a_proof_for_each_patch() -> None:
    _, pushed = five_patches()
    assert refused(changed(pushed, proofs=pushed.proofs[:-1])) == "4 proofs for 5 patches"
    assert refused(changed(pushed, patches=pushed.patches[:-1])) == "5 proofs for 4 patches"
    assert refused(changed(pushed, patches=(), proofs=())) == "no patches"


def test_the_leaf_index_has_to_be_that_of_the_first_patch() -> None:
    log, pushed = five_patches()
    assert "first patch is leaf 0, not 1" in refused(changed(pushed, leaf_index=1))
    assert "first patch is leaf 2, not 0" in refused(changed(log.set(4, (2, 3)), leaf_index=0))


def test_patches_have_to_be_in_order_and_once() -> None:
    _, pushed = five_patches()
    swapped = changed(
        pushed,
        patches=(pushed.patches[0], pushed.patches[2], pushed.patches[1]),
        proofs=(pushed.proofs[0], pushed.proofs[2], pushed.proofs[1]),
    )
    twice = changed(pushed, patches=(pushed.patches[0],) * 2, proofs=(pushed.proofs[0],) * 2)
    assert "order" in refused(swapped)
    assert "order" in refused(twice)


def test_another_header_than_was_signed_gives_another_signer_or_none() -> None:
    log, pushed = five_patches()
    other = log.sign(STRANGER, add_listing(9))
    assert "does not lead to the root" in refused(changed(pushed, header=other.header.raw))


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\xff" * 65, b"\x01" * 64])
def test_what_is_no_signature_is_refused(signature: bytes) -> None:
    _, pushed = five_patches()
    assert refused(changed(pushed, signature=signature))


def test_the_signature_of_another_set_recovers_to_nobody_known() -> None:
    log, pushed = five_patches()
    other = log.sign(CLERK, add_listing(9))
    received = open_received(changed(pushed, signature=other.signature), SHOP_ID)
    assert received.signer != CLERK.public_key


def test_a_set_of_another_shop_is_refused() -> None:
    _, pushed = five_patches()
    assert "signed for shop" in refused(pushed, SHOP_ID + 1)


@pytest.mark.parametrize("seq", [0, 2**63, 2**64 - 1])
def test_numbers_begin_with_one_and_end_somewhere(seq: int) -> None:
    _, pushed = five_patches()
    assert "sequence numbers" in refused(changed(pushed, seq=seq))


@pytest.mark.parametrize("header", [b"", b"\xa0", b"\xff", b"\x9f"])
def test_what_is_no_header_is_refused(header: bytes) -> None:
    _, pushed = five_patches()
    assert refused(changed(pushed, header=header))


def test_a_proved_leaf_that_is_no_patch_is_refused() -> None:
    log = new_shop()
    sealed = log.sign(CLERK, [NewPatch("add", ("Listings", 1), {})])
    pushed = log.append(sealed)
    # What a relay could do: it has the clerk sign nothing new, but hands on other bytes.
    assert refused(changed(pushed, patches=(b"\xa0",)))


def test_sets_of_a_log_that_is_older_than_a_relays_limits_are_taken() -> None:
    leaves = [
        encode({"Op": "remove", "Path": ["Listings", number], "Value": None}) for number in range(16_385)
    ]
    header = encode({"KeyCardNonce": 1, "ShopID": SHOP_ID, "Timestamp": NOW, "RootHash": root(leaves)})
    proved = proofs(leaves)

    def pushed(leaf: int) -> SequencedPartialPatchSet:
        return SequencedPartialPatchSet(4, leaf, header, CLERK.sign(header), (leaves[leaf],), (proved[leaf],))

    assert open_received(pushed(16_383), SHOP_ID).leaves == (16_383,)
    assert open_received(pushed(16_384), SHOP_ID).leaves == (16_384,)


def set_of(count: int) -> SequencedPartialPatchSet:
    return new_shop().add(CLERK, [one for number in range(1, count + 1) for one in add_listing(number)])


def test_what_is_new_is_left_alone() -> None:
    pushed = set_of(3)
    for position in (BEGINNING, Position(3), Position(3, 1)):
        assert without_known(pushed, position) is pushed


@pytest.mark.parametrize("position", [Position(4), Position(5), Position(9, 0), Position(4, 2)])
def test_of_what_is_known_nothing_is_left(position: Position) -> None:
    assert without_known(set_of(3), position) is None


@pytest.mark.parametrize("known", [0, 1, 2, 3])
def test_of_what_is_known_by_half_the_rest_is_left_and_still_proved(known: int) -> None:
    pushed = set_of(5)
    rest = without_known(pushed, Position(4, known))
    assert rest is not None
    assert open_received(rest, SHOP_ID).leaves == tuple(range(known + 1, 5))


def test_a_part_behind_what_is_known_is_left_alone() -> None:
    log = new_shop()
    log.add(CLERK, [one for number in range(1, 6) for one in add_listing(number)])
    part = log.set(4, (3, 4))
    assert without_known(part, Position(4, 2)) is part


def test_proofs_that_are_none_are_not_guessed_about() -> None:
    with pytest.raises(MalformedInput):
        without_known(changed(set_of(2), proofs=(b"", b"")), Position(4, 0))


@pytest.mark.parametrize("proofs", [0, 1])
def test_missing_proofs_do_not_hide_a_patch_behind_a_wrong_leaf(proofs: int) -> None:
    pushed = set_of(3)
    cut = changed(pushed, proofs=pushed.proofs[:proofs])
    left = without_known(cut, Position(4, 0))
    assert left is None or len(left.patches) != len(left.proofs)


def test_visitors_see_what_is_public() -> None:
    pushed = new_shop().add(CLERK, add_listing(1) + add_stock(1, 5) + add_listing(2) + add_order(7))
    public = only_public(pushed)
    assert public is not None
    assert [patch.path[0] for patch in open_received(public, SHOP_ID).patches] == ["Listings", "Listings"]
    assert open_received(public, SHOP_ID).leaves == (0, 2)


def test_of_what_is_public_nothing_is_left_out() -> None:
    pushed = set_of(2)
    assert only_public(pushed) is pushed


def test_of_what_is_private_nothing_is_left() -> None:
    assert only_public(new_shop().add(CLERK, add_order(7))) is None


def test_what_is_no_patch_is_not_guessed_about() -> None:
    with pytest.raises(Refusal):
        only_public(changed(set_of(1), patches=(b"\xa0",)))


AFTER_RESTORE = number_after_restore(3, 1_800_000_000)


@pytest.mark.parametrize("count", [*range(1, 34), 63, 64, 65, 127, 129])
def test_only_the_last_leaf_is_the_last(count: int) -> None:
    proved = proofs([b"patch %d" % number for number in range(count)])
    told = [leaf for leaf, proof in enumerate(proved) if is_last_leaf(proof, leaf)]
    assert told == [count - 1]


def test_the_last_leaf_of_the_largest_set_is_found() -> None:
    count = 16_384 // 2 + 1
    proved = proofs([b"%d" % number for number in range(count)])
    assert is_last_leaf(proved[-1], count - 1)
    assert not is_last_leaf(proved[-2], count - 2)


def log_of(*sizes: int) -> Log:
    """A log of three sets and then sets of so many listings."""
    log = new_shop()
    numbers = iter(range(1, 1000))
    for size in sizes:
        log.add(CLERK, [one for _ in range(size) for one in add_listing(next(numbers))])
    return log


def part(log: Log, seq: int, *leaves: int) -> ReceivedSet:
    return open_received(log.set(seq, leaves or None), SHOP_ID)


def fed(log: Log, *parts: ReceivedSet) -> Completeness:
    completeness = Completeness()
    for one in (part(log, 1), part(log, 2), part(log, 3), *parts):
        completeness.add(one)
    return completeness


def test_a_whole_log_has_no_gap() -> None:
    log = log_of(1, 5)
    seen = fed(log, part(log, 4), part(log, 5))
    assert seen.first_gap is None
    assert seen.is_whole
    assert seen.position == Position(5)


def test_a_set_in_parts_is_whole_with_its_last_part() -> None:
    log = log_of(5)
    seen = fed(log, part(log, 4, 0, 1))
    assert seen.first_gap is None
    assert not seen.is_whole
    assert seen.position == Position(4, 1)
    seen.add(part(log, 4, 2, 3, 4))
    assert seen.is_whole
    assert seen.position == Position(4)


def test_a_missing_set_is_a_gap() -> None:
    log = log_of(1, 1)
    seen = fed(log, part(log, 5))
    assert seen.first_gap == "patch set 4"
    assert not seen.is_whole


def behind_a_restore(pushed: SequencedPartialPatchSet) -> ReceivedSet:
    """Return a set with the number that the first one behind the gap of a restore has."""
    return open_received(changed(pushed, seq=AFTER_RESTORE), SHOP_ID)


def test_the_gap_of_a_restore_leaves_nothing_out() -> None:
    log = log_of(1, 1)
    seen = fed(log, behind_a_restore(log.set(4)))
    assert seen.first_gap is None
    assert seen.is_whole
    assert seen.position == Position(AFTER_RESTORE)
    seen.add(open_received(changed(log.set(5), seq=AFTER_RESTORE + 1), SHOP_ID))
    assert seen.first_gap is None


def test_any_other_jump_is_a_gap() -> None:
    log = log_of(1, 1)
    for seq in (AFTER_RESTORE - 1, AFTER_RESTORE + 1):
        seen = fed(log, open_received(changed(log.set(4), seq=seq), SHOP_ID))
        assert seen.first_gap == "patch set 4"


def test_the_gap_of_a_restore_does_not_cut_a_set_in_two() -> None:
    log = log_of(5, 1)
    seen = fed(log, part(log, 4, 0, 1), behind_a_restore(log.set(5)))
    assert seen.first_gap == "the end of patch set 4"


def test_a_missing_beginning_is_a_gap() -> None:
    log = log_of()
    seen = Completeness()
    seen.add(part(log, 2))
    assert seen.first_gap == "patch set 1"


@pytest.mark.parametrize(("leaves", "gap"), [((1, 2, 3, 4), 0), ((0, 1, 3, 4), 2), ((0, 1, 2, 4), 3)])
def test_a_missing_leaf_is_a_gap(leaves: tuple[int, ...], gap: int) -> None:
    log = log_of(5)
    assert fed(log, part(log, 4, *leaves)).first_gap == f"leaf {gap} of patch set 4"


def test_a_missing_end_of_a_set_is_a_gap_when_the_next_comes() -> None:
    log = log_of(5, 1)
    seen = fed(log, part(log, 4, 0, 1, 2, 3))
    assert seen.first_gap is None
    assert not seen.is_whole
    seen.add(part(log, 5))
    assert seen.first_gap == "the end of patch set 4"


def test_a_leaf_missing_between_parts_is_a_gap() -> None:
    log = log_of(5)
    assert fed(log, part(log, 4, 0, 1), part(log, 4, 3, 4)).first_gap == "leaf 2 of patch set 4"


def test_the_first_gap_is_remembered() -> None:
    log = log_of(1, 1, 5)
    seen = fed(log, part(log, 5), part(log, 6, 0, 4))
    assert seen.first_gap == "patch set 4"


def test_it_may_begin_anywhere() -> None:
    log = log_of(5, 1)
    seen = Completeness(Position(4, 1))
    seen.add(part(log, 4, 2, 3, 4))
    seen.add(part(log, 5))
    assert seen.is_whole
    seen = Completeness(Position(4))
    seen.add(part(log, 5))
    assert seen.is_whole


def test_what_was_missing_before_stays_missing() -> None:
    log = log_of(1)
    seen = Completeness(Position(3), is_complete=False)
    seen.add(part(log, 4))
    assert not seen.is_whole
    assert seen.first_gap == "something up to patch set 3"
