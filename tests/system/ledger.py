"""What clients asked and were told while a relay was in trouble, and whether its log bears that out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minirelay.client import RelayRefused
from minirelay.client.received import ReceivedSet, open_received
from minirelay.client.replica import Replica
from minirelay.errors import Code
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch, decode_patch_set
from minirelay.protocol.push import decode_set
from minirelay.store.database import open_readonly
from tests.relay.naive import NaiveLog

NOT_STORED = "could not be stored, try again"
NONCE_USED = "event nonce re-use"

Author = tuple[bytes, int]
"""Who signed a set, and with which nonce: no two sets have both in common."""


@dataclass(eq=False)
class Asked:
    """A patch set that was sent, until it was answered.

    root_hash, refusal: the answer. is_spent: sent again, it was refused because its nonce is used, so that it
    was applied or something after it was. rests_on: what must have been applied for it to be refused.
    """

    signer: bytes
    sealed: bytes
    rests_on: "Asked | None" = None
    root_hash: bytes | None = None
    refusal: RelayRefused | None = None
    is_spent: bool = False

    @property
    def author(self) -> Author:
        return self.signer, decode_patch_set(self.sealed).header.key_card_nonce

    @property
    def was_not_stored(self) -> bool:
        return self.refusal is not None and self.refusal.message == NOT_STORED


@dataclass(frozen=True)
class Seen:
    """A set, or the part of it, that was pushed to somebody. root_hash: of a follower that applied it."""

    seq: int
    leaves: tuple[int, ...]
    author: Author
    root_hash: bytes | None = None

    @classmethod
    def of(cls, received: ReceivedSet, root_hash: bytes | None = None) -> "Seen":
        author = received.signer, received.header.key_card_nonce
        return cls(received.seq, received.leaves, author, root_hash)


@dataclass
class WholeLog:
    """A shop's log as it is on disk, and what replaying it gives. root_hashes: after each set."""

    naive: NaiveLog = field(default_factory=NaiveLog)
    authors: list[Author] = field(default_factory=list)
    root_hashes: list[bytes] = field(default_factory=list)
    cards: set[bytes] = field(default_factory=set)

    @classmethod
    async def read(cls, data: Path, shop_id: int) -> "WholeLog":
        """Read it from the file, beside the relay or without one."""
        log, replica = cls(), Replica()
        async with await open_readonly(data) as store:
            row = await store.reader.shop(shop_id)
            assert row is not None
            while page := await store.reader.page_wire(
                row.row_id,
                after_seq=len(log.authors),
                upto_seq=2**40 - 1,
                max_patches=1000,
                max_bytes=2**22,
            ):
                for one in page:
                    assert one.seq == len(log.authors) + 1, "a number is missing, or comes twice"
                    received = open_received(decode_set(one.wire), shop_id)
                    replica.apply(received)
                    log.authors.append(Seen.of(received).author)
                    log.root_hashes.append(replica.state.root_hash)
                log.naive.append(decode_set(one.wire) for one in page)
            log.cards = {card.public_key for card in await store.reader.cards(row.row_id)}
        assert len(set(log.authors)) == len(log.authors), "a nonce was used twice"
        return log

    def check_answers(self, asked: Iterable[Asked]) -> None:
        """Hold every answer to a write against what is in the log."""
        numbers = {author: number for number, author in enumerate(self.authors)}
        last = dict(self.authors)
        for one in asked:
            number = numbers.get(one.author)
            if one.root_hash is not None:
                assert number is not None, "what was acknowledged is not in the log"
                assert one.root_hash == self.root_hashes[number], f"set {number + 1} was answered otherwise"
            elif one.refusal is not None:
                assert number is None, f"what was refused is set {number}: {one.refusal}"
                if one.rests_on is not None and not one.was_not_stored:
                    assert one.rests_on.author in numbers, "a refusal rests on what was not stored"
            else:
                assert one.is_spent, "this was never answered"
                signer, nonce = one.author
                assert last[signer] >= nonce, "a nonce is used, and nothing in the log uses it"

    def check_enrolments(self, enrolled: Iterable[bytes], not_stored: Iterable[bytes]) -> None:
        """Hold the answers to enrolments against the key cards, and these against the accounts."""
        assert set(enrolled) <= self.cards
        assert not set(not_stored) & self.cards
        in_accounts = {card for one in self.naive.patches for card in cards_added_by(one.patch)}
        assert in_accounts == self.cards

    def check_pushes(self, seen: Iterable[Seen], expected: list[tuple[int, int]]) -> None:
        """Hold all that a subscriber got against what it should have got: sequence numbers and leaves."""
        got = []
        for one in seen:
            assert one.author == self.authors[one.seq - 1], f"set {one.seq} was pushed, and is another"
            if one.root_hash is not None:
                assert one.root_hash == self.root_hashes[one.seq - 1]
            got += [(one.seq, leaf) for leaf in one.leaves]
        assert got == expected


def is_nonce_used(refusal: RelayRefused) -> bool:
    return refusal.code is Code.INVALID and refusal.message.startswith(NONCE_USED)


def cards_added_by(patch: Patch) -> list[bytes]:
    """List the key cards that a patch of the relay's own gives to an account."""
    if patch.object_type is not ObjectType.ACCOUNT:
        return []
    value: Any = patch.value
    return list(value["KeyCards"]) if patch.op == "add" else [value]
