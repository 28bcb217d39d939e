"""The fixtures are a real shop: what is entered in its head is what its database holds."""

from pathlib import Path

from minirelay.bench.fixtures import patch_sets_of, prepare
from minirelay.protocol.patch_set import open_patch_set
from minirelay.relay.shop_head import read_head


async def test_head_and_database_agree(tmp_path: Path) -> None:
    async with prepare(tmp_path, 60) as fixtures:
        requests = fixtures.price_changes(3)
        assert len({one.header.key_card_nonce for one in map(open_patch_set, patch_sets_of(requests))}) == 3
        for request in requests:
            await fixtures.store.writer.commit(fixtures.enter(request))
        stored = await read_head(fixtures.store.reader, fixtures.head.epoch, fixtures.head.row)
        assert stored.seq == fixtures.head.seq
        assert stored.state.root_hash == fixtures.head.state.root_hash
        assert len(stored.state.listings) == 60
