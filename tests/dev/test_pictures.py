"""The pictures of the demo shop are small, and blobs of the relay."""

from pathlib import Path

from minirelay.blobs.media_type import sniff
from minirelay.dev.demo_shop import ITEMS
from minirelay.dev.pictures import load_pictures, store_pictures
from tests.blobs.test_library import SHOP, opened, rows

MOST_BYTES = 12_000


def test_each_picture_is_a_small_png_that_a_listing_shows() -> None:
    pictures = load_pictures()
    assert set(pictures) == {name for item in ITEMS for name in item.pictures}
    for content in pictures.values():
        assert sniff(content) == "image/png"
        assert len(content) < MOST_BYTES


async def test_they_are_stored_once_however_often_the_shop_is_set_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as library:
        first = await store_pictures(library, SHOP, "http://localhost:4444")
        again = await store_pictures(library, SHOP, "http://localhost:4444")
        await library.finish_removals()
        assert first == again
        assert rows(tmp_path)["blob"] == len(first) == len(load_pictures())
        assert all(url.startswith("http://localhost:4444/ipfs/Qm") for url in first.values())
