"""The pictures of the demo shop: PNG files that come with the package, and become blobs of the relay."""

from collections.abc import Mapping
from importlib import resources

from minirelay.blobs.library import BlobLibrary
from minirelay.web.uploads import path_of

_SUFFIX = ".png"


def load_pictures() -> Mapping[str, bytes]:
    """Load them by name."""
    folder = resources.files("minirelay.dev") / "shop_pictures"
    files = sorted((one for one in folder.iterdir() if one.name.endswith(_SUFFIX)), key=lambda one: one.name)
    return {one.name.removesuffix(_SUFFIX): one.read_bytes() for one in files}


async def store_pictures(library: BlobLibrary, shop: int, base_url: str) -> Mapping[str, str]:
    """Store them for a shop (row id); return where each can be fetched, by name. Raises StoreError."""
    urls = {}
    for name, content in load_pictures().items():
        async with library.upload(shop) as upload:
            await upload.add(content)
            urls[name] = f"{base_url}{path_of(await upload.finish())}"
    return urls
