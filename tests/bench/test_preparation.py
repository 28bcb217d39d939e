"""Key cards are enrolled as if a client had asked for it."""

from pathlib import Path

from minirelay.bench.preparation import SHOP_ID, Cards, enrol
from minirelay.bench.subject import new_keys
from minirelay.store.database import Store


async def test_cards_are_enrolled(tmp_path: Path) -> None:
    cards = Cards(new_keys(2), new_keys(3))
    await enrol(tmp_path, cards)
    async with await Store.open(tmp_path) as store:
        for keys, is_guest in ((cards.clerks, False), (cards.guests, True)):
            for key in keys:
                card = await store.reader.key_card(key.public_key)
                assert card is not None
                assert (card.is_guest, card.is_unlinked) == (is_guest, False)
        row = await store.reader.shop(SHOP_ID)
        assert row is not None
        assert (await store.reader.tail(row.row_id))[0] == 5
