"""Roots and proofs, against the vectors and the reference implementation."""

from hashlib import sha256
from typing import Any

import massmarket
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from massmarket.mmr.algorithms import add_leaf_hash
from massmarket.mmr.db import FlatDB

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor import Value, decode, encode
from minirelay.protocol.mmr import (
    leaf_index,
    most_proof_bytes,
    node_index,
    padded_count,
    proofs,
    root,
    verify_proof,
)
from minirelay.protocol.sizes import MOST_LOGGED_LEVELS

from .strategies import STEADY, spoilt
from .vectors import load

CASES = load("mmr")
leaves = st.lists(st.binary(max_size=60), min_size=1, max_size=40)


def reference_root(data: list[bytes]) -> bytes:
    hashes = [sha256(leaf).digest() for leaf in data]
    while len(hashes) & (len(hashes) - 1):
        hashes.append(sha256(b"").digest())
    tree = FlatDB()
    end = [add_leaf_hash(tree, leaf) for leaf in hashes][-1]
    return bytes(tree.get(end - 1))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['leaves'])} leaves")
def test_vectors(case: Any) -> None:
    data = [bytes.fromhex(leaf) for leaf in case["leaves"]]
    found = proofs(data)
    assert root(data).hex() == case["root"]
    assert [proof.hex() for proof in found] == [proof["cbor"] for proof in case["proofs"]]
    for index, (leaf, proof, expected) in enumerate(zip(data, found, case["proofs"], strict=True)):
        assert node_index(index) == expected["node_index"]
        assert verify_proof(leaf, proof, root(data)) == leaf_index(proof) == index


@given(leaves)
@STEADY
def test_root_is_the_reference_root(data: list[bytes]) -> None:
    assert root(data) == reference_root(data)


@given(leaves)
@STEADY
def test_every_proof_satisfies_the_reference(data: list[bytes]) -> None:
    for leaf, proof in zip(data, proofs(data), strict=True):
        match decode(proof):
            case [int(node), int(size), list(path)]:
                massmarket.verify_proof(node, sha256(leaf).digest(), path, root(data))
                assert size == 2 * padded_count(len(data)) - 1
            case other:
                pytest.fail(f"not a proof: {other!r}")


@given(leaves)
@STEADY
def test_every_proof_is_verified(data: list[bytes]) -> None:
    found = proofs(data)
    assert [verify_proof(leaf, proof, root(data)) for leaf, proof in zip(data, found, strict=True)] == list(
        range(len(data))
    )
    assert max(map(len, found)) <= most_proof_bytes(len(data))


def test_a_large_set_has_a_proof_for_each_patch() -> None:
    data = [b"patch %d" % number for number in range(16384)]
    found = proofs(data)
    for index in (0, 1, 2, 9999, 16383):
        assert verify_proof(data[index], found[index], root(data)) == index
    assert max(map(len, found)) <= most_proof_bytes(len(data))


def test_padding_is_the_hash_of_nothing() -> None:
    assert root([b"a", b"b", b"c"]) == root([b"a", b"b", b"c", b""])


def test_no_leaves_have_no_root() -> None:
    with pytest.raises(ValueError, match="leaf"):
        root([])


DATA = [b"zero", b"one", b"two", b"three", b"four"]
ROOT = root(DATA)
PROOFS = proofs(DATA)


def parts_of(proof: bytes) -> tuple[int, int, list[Value]]:
    match decode(proof):
        case [int(node), int(size), list(path)]:
            return node, size, path
    raise AssertionError


@pytest.mark.parametrize("place", range(5))
def test_a_proof_of_another_leaf_is_refused(place: int) -> None:
    for other in range(5):
        if other != place:
            with pytest.raises(MalformedInput):
                verify_proof(DATA[place], PROOFS[other], ROOT)


def test_a_proof_in_a_larger_tree_than_any_set_has_is_refused() -> None:
    # Whoever reads it may go through all that its siblings could be.
    for levels, is_read in ((MOST_LOGGED_LEVELS, True), (MOST_LOGGED_LEVELS + 1, False)):
        proof = encode([0, (2 << levels) - 1, [bytes(32)] * levels])
        if is_read:
            assert leaf_index(proof) == 0
        else:
            with pytest.raises(MalformedInput):
                leaf_index(proof)


def test_a_proof_under_another_root_is_refused() -> None:
    with pytest.raises(MalformedInput):
        verify_proof(DATA[0], PROOFS[0], root(DATA[:4]))


def changed_proofs() -> list[Value]:
    node, size, path = parts_of(PROOFS[1])
    return [
        [node + 1, size, path],  # an inner node
        [node, size + 1, path],
        [node, size, path[:-1]],
        [node, size, [*path, b"\0" * 32]],
        [node, size, path[::-1]],
        [node, size, [*path[:-1], b"\0" * 31]],
        [node, size, [*path[:-1], "x" * 32]],
        [node, size, None],
        [True, size, path],
        [node, True, []],
        [size - 1, size, path],  # the root itself
        [size, size, path],  # outside of the tree
        [2**64, size, path],
        [node, size],
        [node, size, path, 0],
        {},
    ]


@pytest.mark.parametrize("changed", changed_proofs(), ids=repr)
def test_a_changed_proof_is_refused(changed: Value) -> None:
    with pytest.raises(MalformedInput):
        verify_proof(DATA[1], encode(changed), ROOT)


@given(st.sampled_from(PROOFS).flatmap(spoilt))
@settings(STEADY, max_examples=300)
def test_a_spoilt_proof_proves_nothing_else(proof: bytes) -> None:
    try:
        index = verify_proof(DATA[1], proof, ROOT)
    except MalformedInput:
        return
    # Longer forms of the same numbers are as good as the shortest.
    assert index == 1
    assert decode(proof) == decode(PROOFS[1])
