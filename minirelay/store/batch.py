"""What a batch of commits writes: each object and each counter once, however often it changed."""

from collections.abc import Iterable, Iterator

import msgspec

from minirelay.store.bulk_insert import Kind, Parameter, Rows
from minirelay.store.messages import MAX_NONCE, MAX_SEQ, Commit, KeyCard, ShopRow, StoredSet
from minirelay.store.pieces import ChangedObjects

SEQ_BITS = 40
_encode = msgspec.msgpack.Encoder().encode

# What a row weighs beside its byte strings, for `weight`.
_ROW_BYTES = 64


def position(shop: int, seq: int) -> int:
    """Compute the key of a patch set: all sets of a shop are neighbours, in order."""
    return shop << SEQ_BITS | seq


def encode_nonce(nonce: int) -> bytes:
    """Write a key card's nonce so that it fits: SQLite's integers end at 2^63-1. Raises ValueError."""
    if not 0 <= nonce <= MAX_NONCE:
        raise ValueError(f"not a nonce: {nonce}")
    return nonce.to_bytes(8, "big")


def weight(commit: Commit) -> int:
    """Estimate the bytes that a commit writes, so that a transaction stays short."""
    rows = len(commit.new_cards) + len(commit.changes) + sum(1 + len(one.leaves) for one in commit.sets)
    wires = sum(len(one.wire) for one in commit.sets)
    values = sum(len(change.value or b"") for change in commit.changes)
    pieces = [len(piece) for change in commit.changes for _, piece in change.pieces]
    return wires + values + sum(pieces) + (rows + len(pieces)) * _ROW_BYTES


def rows_of(commits: Iterable[Commit], memory: Iterable[tuple[str, bytes]] = ()) -> Rows:
    """List the rows of one transaction. memory: rows of `meta`. Raises ValueError for what no row can hold.

    Of several changes to one object, nonce or row of `meta`, only the last is written.
    """
    rows = Rows()
    objects = ChangedObjects()
    nonces: dict[int, int] = {}
    relay_nonces: dict[int, int] = {}
    unlinked: dict[int, None] = {}
    signers: dict[bytes, None] = {}
    for commit in commits:
        if commit.new_shop is not None:
            _add_shop(rows, commit.new_shop)
        for new_card in commit.new_cards:
            _add_card(rows, new_card)
        for one in commit.sets:
            rows.add(Kind.PATCH_SET, *set_row(commit.shop, one))
            for row in index_rows(commit.shop, one):
                rows.add(Kind.PATCH, *row)
        for change in commit.changes:
            objects.add(commit.shop, change)
        nonces.update(commit.nonces)
        if commit.relay_nonce is not None:
            relay_nonces[commit.shop] = commit.relay_nonce
        if commit.relay_signer is not None:
            signers[commit.relay_signer] = None
        unlinked.update(dict.fromkeys(commit.unlinked))
    objects.add_to(rows)
    for card, nonce in nonces.items():
        rows.add(Kind.NONCE, card, encode_nonce(nonce))
    for shop, nonce in relay_nonces.items():
        rows.add(Kind.RELAY_NONCE, shop, nonce)
    for card in unlinked:
        rows.add(Kind.UNLINKED, card)
    for signer in signers:
        rows.add(Kind.RELAY_SIGNER, signer)
    for name, value in dict(memory).items():
        rows.add(Kind.META, name, value)
    return rows


def _add_shop(rows: Rows, shop: ShopRow) -> None:
    rows.add(Kind.SHOP, shop.row_id, shop.shop_id.to_bytes(32, "big"), shop.relay_nonce, shop.created_at)


def _add_card(rows: Rows, card: KeyCard) -> None:
    rows.add(
        Kind.KEY_CARD,
        card.row_id,
        card.public_key,
        card.shop,
        card.wallet,
        card.is_guest,
        encode_nonce(card.last_nonce),
        card.is_unlinked,
        card.enrolled_at,
    )


def set_row(shop: int, one: StoredSet) -> tuple[Parameter, ...]:
    """Write a set's row of `patch_set`: its columns in their order. Raises ValueError."""
    if not 0 < one.seq <= MAX_SEQ:
        raise ValueError(f"not a sequence number: {one.seq}")
    types = 0
    for leaf in one.leaves:
        types |= 1 << leaf.object_type
    return (
        position(shop, one.seq),
        len(one.leaves),
        types,
        *one.counts.by_type,
        one.counts.size_bytes,
        _encode(one.leaves),
        one.wire,
        one.author,
    )


def index_rows(shop: int, one: StoredSet) -> Iterator[tuple[Parameter, ...]]:
    """Write the rows of a set's patches in `patch_index`: their columns in their order."""
    for index, leaf in enumerate(one.leaves):
        yield shop, leaf.object_type, leaf.object_id, one.seq, index, leaf.owner
