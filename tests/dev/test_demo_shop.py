"""The demo shop obeys the rules that it demonstrates, and is worth looking at."""

from datetime import UTC, datetime

from minirelay.dev.demo_shop import ITEMS, demo_patches, demo_stock, wei
from minirelay.dev.pictures import load_pictures
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch, open_patch_set, seal_patch_set
from minirelay.protocol.signing import PrivateKey
from minirelay.shop import canonical
from minirelay.shop.draft import Draft
from minirelay.shop.objects import Listing, Manifest, Tag
from minirelay.shop.state import ShopState

OWNER = b"\x02" * 20
EDDIES = "0x" + "03" * 20
PICTURES = {name: f"http://localhost/{name}" for name in load_pictures()}
MANIFEST = NewPatch(
    "replace",
    ("Manifest",),
    {
        "ShopID": 1,
        "Payees": {},
        "AcceptedCurrencies": {},
        "PricingCurrency": {"ChainID": 31337, "Address": bytes(20)},
        "ShippingRegions": {"default": {"Country": "", "PostalCode": "", "City": ""}},
    },
)


def built(eddies: str | None = EDDIES) -> ShopState:
    sealed = seal_patch_set(
        [MANIFEST, *demo_patches(31337, OWNER, eddies, PICTURES), *demo_stock()],
        shop_id=1,
        key_card_nonce=1,
        timestamp=datetime(2025, 6, 1, tzinfo=UTC),
        key=PrivateKey.from_bytes(b"\x01" * 32),
    )
    draft = Draft(ShopState())
    for patch in open_patch_set(sealed).patches:
        draft.apply(patch)
    return draft.finish()[0]


def manifest_of(state: ShopState) -> Manifest:
    assert state.manifest is not None
    return canonical.load(Manifest, state.manifest)


def test_it_has_what_a_shop_needs() -> None:
    state = built()
    listings = [canonical.load(Listing, value) for _, value in state.listings.items()]
    assert len(listings) == len(ITEMS) == 12
    assert all(listing.metadata.images for listing in listings)
    assert sum(bool(listing.options) for listing in listings) >= 4
    assert len(manifest_of(state).shipping_regions or {}) == 2
    assert len(state.tags) == 5
    tagged = [canonical.load(Tag, value) for _, value in state.tags.items()]
    assert all(tag.listing_ids for tag in tagged)


def test_every_combination_of_variations_has_stock() -> None:
    state = built()
    expected = 0
    for item in ITEMS:
        combinations = 1
        for option in item.options:
            combinations *= len(option.variations)
        expected += combinations
    assert len(state.inventory) == expected


def test_both_currencies_are_accepted_and_the_owner_is_paid() -> None:
    manifest = manifest_of(built())
    assert set(manifest.accepted_currencies[31337]) == {bytes(20), bytes.fromhex(EDDIES[2:])}
    assert set(manifest.payees[31337]) == {OWNER}


def test_without_the_token_only_the_coin_is_accepted() -> None:
    assert set(manifest_of(built(None)).accepted_currencies[31337]) == {bytes(20)}


def test_prices_come_out_right_in_the_token() -> None:
    # spec 07: 0.002 ETH are 300 units of a two-decimals token with the factor 1500
    assert wei(300) == 2 * 10**15
    data = built().get(ObjectType.LISTING, (1).to_bytes(8))
    assert data is not None
    assert canonical.load(Listing, data).price * 1500 // 10**16 == ITEMS[0].price
