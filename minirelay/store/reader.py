"""Everything that can be asked of the database; each answer is one short read transaction."""

from collections.abc import Sequence

from minirelay.store.messages import (
    Counts,
    KeyCard,
    NextRows,
    SelectedPage,
    Selection,
    ShopRow,
    StoredObject,
    StoredSet,
    WireSet,
)


class Reader:
    """Ask the database; `shop` is a row id. All may raise StoreUnavailable and StoreClosed."""

    async def shop(self, shop_id: int) -> ShopRow | None:
        raise NotImplementedError

    async def shops(self) -> list[ShopRow]:
        raise NotImplementedError

    async def next_rows(self) -> NextRows:
        raise NotImplementedError

    async def tail(self, shop: int) -> tuple[int, Counts]:
        """Return the last sequence number (0: empty log) and what the log holds."""
        raise NotImplementedError

    async def counts_at(self, shop: int, seq: int) -> Counts:
        raise NotImplementedError

    async def load_objects(self, shop: int) -> list[StoredObject]:
        raise NotImplementedError

    async def key_card(self, public_key: bytes) -> KeyCard | None:
        raise NotImplementedError

    async def cards(self, shop: int) -> list[KeyCard]:
        raise NotImplementedError

    async def count_guest_cards(self, shop: int) -> int:
        raise NotImplementedError

    async def recall(self, key: str) -> bytes | None:
        """Look up a row of `meta`."""
        raise NotImplementedError

    async def page(
        self, shop: int, *, after_seq: int, upto_seq: int, max_patches: int, max_bytes: int
    ) -> list[StoredSet]:
        """Read whole sets, leaves and counts included; at least one if there is one."""
        raise NotImplementedError

    async def page_wire(
        self, shop: int, *, after_seq: int, upto_seq: int, max_patches: int, max_bytes: int
    ) -> list[WireSet]:
        """Read whole sets for somebody who sees everything: the fastest way through the log."""
        raise NotImplementedError

    async def index_page(
        self,
        shop: int,
        selections: Sequence[Selection],
        *,
        after_seq: int,
        upto_seq: int,
        max_patches: int,
        max_bytes: int,
    ) -> SelectedPage:
        """Read what is selected; goes on at `through`, ends when `through` == upto_seq."""
        raise NotImplementedError

    async def count_index(
        self, shop: int, selections: Sequence[Selection], *, after_seq: int, upto_seq: int
    ) -> int:
        """Count the selected patches, each once."""
        raise NotImplementedError
