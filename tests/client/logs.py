"""Logs of a shop for the tests: really signed, really proved, in the form in which a relay pushes them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from minirelay.client import patches as make
from minirelay.protocol.patch_set import NewPatch, VerifiedPatchSet, open_patch_set, seal_patch_set
from minirelay.protocol.push import SequencedPartialPatchSet, cut, decode_set, encode_set
from minirelay.protocol.signing import PrivateKey
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Listing, ListingMetadata, ViewState
from minirelay.shop.state import ShopState

SHOP_ID = 0x5409
RELAY = PrivateKey(b"\x01" * 32)
CLERK = PrivateKey(b"\x02" * 32)
GUEST = PrivateKey(b"\x03" * 32)
OTHER_CLERK = PrivateKey(b"\x04" * 32)
STRANGER = PrivateKey(b"\x05" * 32)
WALLET = b"\xaa" * 20
OTHER_WALLET = b"\xbb" * 20
GUESTS = bytes(20)
NOW = datetime(2025, 6, 1, 9, tzinfo=UTC)

MANIFEST = {
    "ShopID": SHOP_ID,
    "Payees": {},
    "AcceptedCurrencies": {},
    "PricingCurrency": {"ChainID": 31337, "Address": bytes(20)},
    "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
}


class Log:
    """A log that grows set by set, with the state that it amounts to."""

    def __init__(self, shop_id: int = SHOP_ID) -> None:
        self.shop_id = shop_id
        self.verified: list[VerifiedPatchSet] = []
        self.states: list[ShopState] = [ShopState()]
        self.nonce = 0

    def add(self, key: PrivateKey, patches: Sequence[NewPatch]) -> SequencedPartialPatchSet:
        """Append a set that is applied. Returns it as it is pushed."""
        return self.take(self.sign(key, patches))

    def take(self, verified: VerifiedPatchSet) -> SequencedPartialPatchSet:
        """Append a signed set that is applied. Returns it as it is pushed."""
        draft = Draft(self.states[-1])
        for patch in verified.patches:
            draft.apply(patch)
        self.states.append(draft.finish()[0])
        return self.append(verified)

    def add_inapplicable(self, key: PrivateKey, patches: Sequence[NewPatch]) -> SequencedPartialPatchSet:
        """Append a set that no honest relay would have accepted; the state stays."""
        self.states.append(self.states[-1])
        return self.append(self.sign(key, patches))

    def sign(self, key: PrivateKey, patches: Sequence[NewPatch]) -> VerifiedPatchSet:
        """Sign a set without appending it."""
        self.nonce += 1
        sealed = seal_patch_set(
            patches, shop_id=self.shop_id, key_card_nonce=self.nonce, timestamp=NOW, key=key
        )
        return open_patch_set(sealed)

    def append(self, verified: VerifiedPatchSet) -> SequencedPartialPatchSet:
        """Return a set the next number."""
        self.verified.append(verified)
        return self.set(len(self.verified))

    def set(self, seq: int, leaves: Sequence[int] | None = None) -> SequencedPartialPatchSet:
        """Return a set as it is pushed, or only these leaves of it."""
        encoded = encode_set(seq, self.verified[seq - 1])
        return decode_set(encoded if leaves is None else cut(encoded, leaves))

    @property
    def sets(self) -> list[SequencedPartialPatchSet]:
        """Return all sets as they are pushed to somebody who sees everything."""
        return [self.set(seq) for seq in range(1, len(self.verified) + 1)]

    @property
    def state(self) -> ShopState:
        """Return the state at the end."""
        return self.states[-1]


def new_shop() -> Log:
    """Return the log of a shop with a clerk and a guest: three sets, the relay's."""
    log = Log()
    log.add(
        RELAY,
        [
            NewPatch("replace", ("Manifest",), MANIFEST),  # type: ignore[arg-type]
            account(WALLET, CLERK),
        ],
    )
    log.add(RELAY, [account(GUESTS, GUEST, guest=True)])
    log.add(RELAY, [account(OTHER_WALLET, OTHER_CLERK)])
    return log


def account(wallet: bytes, *cards: PrivateKey, guest: bool = False) -> NewPatch:
    """Add an account."""
    return NewPatch(
        "add", ("Accounts", wallet), {"KeyCards": [card.public_key for card in cards], "Guest": guest}
    )


def listing(number: int, price: int = 100) -> Listing:
    """Return a published listing."""
    return Listing(
        id=number,
        price=price,
        metadata=ListingMetadata(title=f"Thing {number}", description="Something to buy."),
        view_state=ViewState.PUBLISHED,
    )


def add_listing(number: int) -> list[NewPatch]:
    """Add that listing."""
    return make.add_listing(listing(number))


def changed(pushed: SequencedPartialPatchSet, **fields: object) -> SequencedPartialPatchSet:
    """Return a pushed set with other contents than were signed or proved."""
    return msgspec.structs.replace(pushed, **fields)
