"""A small shop, those who write to it, and sets of theirs."""

from datetime import UTC, datetime

from minirelay.protocol.cbor import Value
from minirelay.protocol.patch_set import NewPatch, Op, VerifiedPatchSet, open_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.shop.access import Role
from minirelay.shop.ownership import RELAY_ITSELF, Author
from minirelay.shop.patch_application import apply_patch_set
from minirelay.shop.state import ShopState

KEY = PrivateKey.from_bytes(b"\x05" * 32)
RELAY, CLERK = RELAY_ITSELF, Author(Role.CLERK, 1)
GUEST, OTHER_GUEST = Author(Role.GUEST, 7), Author(Role.GUEST, 8)
WALLET = b"\x11" * 20
CARD = b"\x02" + bytes(31) + b"\x09"
ORDER = (5).to_bytes(8)
ITEM: Value = {"ListingID": 1, "Quantity": 2}
OPEN_ORDER: Value = {"ID": 5, "Items": [], "State": 1}
LISTING: Value = {
    "ID": 1,
    "Price": 100,
    "Metadata": {"Title": "Cup", "Description": "Holds coffee"},
    "ViewState": 1,
}
ADDRESS: Value = {
    "Name": "A",
    "Address1": "B",
    "City": "C",
    "PostalCode": "D",
    "Country": "E",
    "EmailAddress": "a@b.example",
}


Spec = tuple[Op, tuple[str | int | bytes, ...], Value]


def sealed(*patches: Spec) -> VerifiedPatchSet:
    return open_patch_set(
        seal_patch_set(
            [NewPatch(*patch) for patch in patches],
            shop_id=1,
            key_card_nonce=1,
            timestamp=datetime(2025, 6, 1, tzinfo=UTC),
            key=KEY,
        )
    )


def new_shop() -> ShopState:
    manifest: Value = {
        "ShopID": 1,
        "Payees": {},
        "AcceptedCurrencies": {},
        "PricingCurrency": {"ChainID": 1, "Address": bytes(20)},
    }
    made = apply_patch_set(
        ShopState(),
        {},
        RELAY,
        sealed(
            ("replace", ("Manifest",), manifest),
            ("add", ("Accounts", WALLET), {"KeyCards": [CARD], "Guest": False}),
        ),
    )
    return apply_patch_set(made.state, {}, CLERK, sealed(("add", ("Listings", 1), LISTING))).state


SHOP = new_shop()


def with_order(author: Author = GUEST) -> tuple[ShopState, dict[bytes, int]]:
    """Return the shop with an order of somebody's, and the owners of orders."""
    made = apply_patch_set(SHOP, {}, author, sealed(("add", ("Orders", 5), OPEN_ORDER)))
    return made.state, {key: owner for key, owner in made.owners.items() if owner}
