"""The material is a real shop: what is entered in its books is what its database holds."""

from pathlib import Path

from minirelay.bench.material import patch_sets_of, prepare
from minirelay.protocol.patch_set import open_patch_set
from minirelay.relay.books import read_books


async def test_books_and_database_agree(tmp_path: Path) -> None:
    async with prepare(tmp_path, 60) as material:
        requests = material.price_changes(3)
        assert len({one.header.key_card_nonce for one in map(open_patch_set, patch_sets_of(requests))}) == 3
        for request in requests:
            await material.store.writer.commit(material.enter(request))
        stored = await read_books(material.store.reader, material.books.epoch, material.books.row)
        assert stored.seq == material.books.seq
        assert stored.state.root_hash == material.books.state.root_hash
        assert len(stored.state.listings) == 60
