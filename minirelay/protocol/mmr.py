"""The Merkle Mountain Range over the patches of a set (spec 02 "Root hash").

draft-bryce-cose-merkle-mountain-range-proofs with SHA-256. The leaves are padded to a power of two, so there
is always exactly one peak, a perfect binary tree, and its hash is the root.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

from minirelay.errors import MalformedInput
from minirelay.protocol.cbor import decode, encode, encode_list_of
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.sizes import MOST_LOGGED_LEVELS

_PADDING: Final = sha256(b"").digest()
_HASH_HEAD: Final = encode(bytes(HASH_BYTES))[:-HASH_BYTES]
# Of a leaf that is alone: node 0 of 1, and no siblings.
_LONE_PROOF: Final = (encode([0, 1, []]),)

Tree = list[list[bytes]]


def root(leaves: Sequence[bytes]) -> bytes:
    """Compute the root hash, 32 bytes, over at least one leaf (the exact bytes of each patch)."""
    return tree(leaves)[-1][0]


def proofs(leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Make the inclusion proof of every leaf: the CBOR of [node index, tree size, [sibling, ...]]."""
    return proofs_of(tree(leaves), len(leaves))


def tree(leaves: Sequence[bytes]) -> Tree:
    """Hash the leaves, then their parents and so on: the rows of the tree, the last one the root alone."""
    if not leaves:
        raise ValueError("a tree needs a leaf")
    if len(leaves) == 1:
        # Most sets have one patch.
        return [[sha256(leaves[0]).digest()]]
    row = [sha256(leaf).digest() for leaf in leaves]
    row += [_PADDING] * (padded_count(len(leaves)) - len(leaves))
    rows = [row]
    while len(row) > 1:
        height = len(rows)
        row = [
            sha256((_position(index, height)).to_bytes(8) + row[2 * index] + row[2 * index + 1]).digest()
            for index in range(len(row) // 2)
        ]
        rows.append(row)
    return rows


def proofs_of(rows: Tree, count: int) -> tuple[bytes, ...]:
    """Make the proofs of the first `count` leaves of a tree."""
    if len(rows) == 1:
        return _LONE_PROOF
    # Each sibling stands in many proofs and is encoded once.
    siblings = [[_HASH_HEAD + digest for digest in row] for row in rows[:-1]]
    return tuple(
        [
            b"".join(
                (
                    _proof_head(leaf, len(siblings)),
                    *[row[leaf >> height ^ 1] for height, row in enumerate(siblings)],
                )
            )
            for leaf in range(count)
        ]
    )


@lru_cache(maxsize=1024)
def _proof_head(leaf: int, height: int) -> bytes:
    """Encode what comes before the siblings in a leaf's proof. height: of the tree, how many they are."""
    size = (2 << height) - 1
    return encode_list_of((encode(node_index(leaf)), encode(size), encode_list_of((b"",) * height)))


def padded_count(count: int) -> int:
    """Round a number of leaves up to a power of two."""
    return 1 << (count - 1).bit_length()


def most_proof_bytes(count: int) -> int:
    """Return how large a proof in a tree of `count` leaves may get: two numbers, and 34 bytes a sibling."""
    return 16 + 34 * (count - 1).bit_length()


def node_index(leaf: int) -> int:
    """Return the number of a leaf's node, counted from 0 in the order of appending."""
    return 2 * leaf - leaf.bit_count()


def _position(index: int, height: int) -> int:
    """Return the position, counted from 1, of the node that is number `index` of the row at `height`."""
    # The leaves before it and below it, with all parents that they complete, itself the last of them.
    return node_index(((index + 1) << height) - 1) + height + 1


def leaf_index(proof: bytes) -> int:
    """Read which leaf a proof is about, without checking its hashes. Raises MalformedInput."""
    return _open(proof)[0]


def verify_proof(leaf: bytes, proof: bytes, root: bytes) -> int:
    """Check that a leaf (the exact bytes of a patch) lies under a root hash.

    Returns the index of the leaf. Raises MalformedInput: the proof is not well formed, or proves something
    else.
    """
    index, siblings = _open(proof)
    digest = sha256(leaf).digest()
    for height, sibling in enumerate(siblings):
        here = index >> height
        pair = sibling + digest if here & 1 else digest + sibling
        digest = sha256(_position(here >> 1, height + 1).to_bytes(8) + pair).digest()
    if digest != root:
        raise MalformedInput("the proof does not lead to the root hash")
    return index


def _open(proof: bytes) -> tuple[int, list[bytes]]:
    match decode(proof):
        case [node, size, list(path)] if type(node) is int and type(size) is int:
            siblings = [part for part in path if isinstance(part, bytes) and len(part) == HASH_BYTES]
            is_tree = len(path) <= MOST_LOGGED_LEVELS and size == (2 << len(path)) - 1
            if is_tree and len(siblings) == len(path):
                return _leaf_at(node, size), siblings
    raise MalformedInput("not a proof")


def _leaf_at(node: int, size: int) -> int:
    """Find the leaf at a node index: the inverse of `node_index` in a tree of `size` nodes."""
    leaf = 0
    rest = node
    width = (size + 1) // 2
    while width > 1:
        half_size = width - 1
        if rest >= half_size:
            rest -= half_size
            leaf += width // 2
        width //= 2
    if rest or node_index(leaf) != node:
        raise MalformedInput("the proof is about no leaf")
    return leaf
