"""Nodes: made of each other, never changed."""

from hashlib import sha256

from minirelay.shop.hamt_node import NO_NODE, NOT_HASHED, Leaf, Node
from minirelay.shop.hamt_whole import entries

A: Leaf = (b"a", b"1")
B: Leaf = (b"bb", b"22")


def hashed(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def test_leaves_stand_in_the_order_of_their_slots() -> None:
    node = NO_NODE.with_leaf(1 << 5, B).with_leaf(1 << 2, A)
    assert list(entries(node)) == [A, B]
    assert (node.find(1 << 2, b"a"), node.find(1 << 5, b"bb"), node.find(1 << 2, b"bb")) == (0, 2, -1)
    assert node.hash() == hashed(*A, *B)
    assert list(entries(NO_NODE)) == []


def test_below_the_last_level_they_stand_as_they_came() -> None:
    node = NO_NODE.with_leaf(0, B).with_leaf(0, A)
    assert list(entries(node)) == [B, A]
    assert (node.find(0, b"a"), node.find(0, b"c")) == (2, -1)
    assert list(entries(node.without_leaf(0, 0))) == [A]


def test_a_value_is_replaced_and_a_leaf_taken_out_of_a_new_node() -> None:
    node = NO_NODE.with_leaf(1, A).with_leaf(2, B)
    assert list(entries(node.with_value(0, b"3"))) == [(b"a", b"3"), B]
    assert list(entries(node.without_leaf(1, 0))) == [B]
    assert list(entries(node)) == [A, B]


def test_the_sizes_are_those_of_the_leaves() -> None:
    node = NO_NODE.with_leaf(1, A).with_leaf(2, B)
    below = node.with_child(1, NO_NODE.with_leaf(4, A).with_leaf(8, (b"c", b"")))
    sizes = [one.size for one in (node, node.with_value(0, b""), node.without_leaf(2, 2), below)]
    assert sizes == [6, 5, 2, 4]


def with_child() -> tuple[Node, Node]:
    child = NO_NODE.with_leaf(4, A).with_leaf(8, B)
    return NO_NODE.with_leaf(1, B).with_leaf(2, A).with_child(2, child), child


def test_a_child_takes_the_place_of_a_leaf_and_is_hashed_when_it_is_asked_for() -> None:
    node, child = with_child()
    assert node.child(2) is child
    assert node.parts == (*B, *NOT_HASHED)
    assert node.unhashed == 4 + 6
    assert node.hash() == hashed(*B, hashed(*A, *B))
    assert node.unhashed == 0
    assert node.parts == (*B, b"", child.hash())


def test_a_leaf_takes_the_place_of_a_child() -> None:
    node, _ = with_child()
    assert list(entries(node)) == [B, A, B]
    flat = node.with_leaf(2, A)
    assert list(entries(flat)) == [B, A]
    assert flat.hash() == hashed(*B, *A)


def test_it_is_known_how_much_is_not_hashed_yet() -> None:
    node, child = with_child()
    assert (node.unhashed, child.unhashed) == (4 + 6, 6)
    assert node.with_leaf(1 << 5, B).unhashed == 4 + 4 + 6
    assert node.with_value(0, b"").unhashed == 2 + 6
    assert node.without_leaf(1, 0).unhashed == 6
    assert node.with_leaf(2, A).unhashed == 4 + 2
    assert node.with_child(1, child).unhashed == 6 + 6
    assert node.with_child(2, child.with_leaf(16, A)).unhashed == 4 + 8
    node.hash()
    assert (node.unhashed, child.unhashed) == (0, 0)
    assert node.with_leaf(1 << 5, B).unhashed == 4 + 4
    assert node.with_child(1, NO_NODE.with_leaf(4, A)).unhashed == 2
