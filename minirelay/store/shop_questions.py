"""What can be asked about shops, their key cards, accounts and objects."""

from collections.abc import Iterable

from minirelay.store import (
    account_checks,
    objects,
    shops,
)
from minirelay.store.account_checks import AccountCheck
from minirelay.store.messages import (
    KeyCard,
    NextRows,
    ShopRow,
    StoredObject,
)
from minirelay.store.questions import Questions


class ShopQuestions(Questions):
    """Ask about shops. shop: a row id, if nothing else is said."""

    async def shop(self, shop_id: int) -> ShopRow | None:
        """Look a shop up by its token id."""
        return await self._pool.run(lambda db: shops.find_shop(db, shop_id))

    async def shop_of_row(self, row_id: int) -> ShopRow | None:
        """Look a shop up by its row id."""
        return await self._pool.run(lambda db: shops.find_shop_of_row(db, row_id))

    async def shops(self) -> list[ShopRow]:
        """List all shops, in the order in which they came."""
        return await self._pool.run(shops.list_shops)

    async def key_card(self, public_key: bytes) -> KeyCard | None:
        """Look a key card up by its 33 bytes; unlinked ones are found too."""
        return await self._pool.run(lambda db: shops.find_card(db, public_key))

    async def cards(self, shop: int) -> list[KeyCard]:
        """List the key cards of a shop, in the order in which they were enrolled."""
        return await self._pool.run(lambda db: shops.list_cards(db, shop))

    async def count_guest_cards(self, shop: int) -> int:
        """Count the guest cards of a shop, unlinked ones included."""
        return await self._pool.run(lambda db: shops.count_guest_cards(db, shop))

    async def relay_signers(self) -> list[bytes]:
        """List the relay's own public keys, those that it no longer signs with included."""
        return await self._pool.run(shops.list_relay_signers)

    async def next_rows(self) -> NextRows:
        """Find the first row ids that are free."""
        return await self._pool.run(shops.next_rows)

    async def load_objects(self, shop: int) -> list[StoredObject]:
        """Read all objects of a shop, in no order that means anything."""
        return await self._pool.run(lambda db: objects.load_objects(db, shop))

    async def account_checks(self) -> list[AccountCheck]:
        """Read which wallets' accounts have to be compared with the chain."""
        return await self._pool.run(account_checks.load_account_checks)

    async def accounts(self, shop_id: int, wallets: Iterable[bytes]) -> set[bytes]:
        """Return which of these wallets, 20 bytes each, have an account in a shop, by its token id."""
        return await self._pool.run(lambda db: account_checks.find_accounts(db, shop_id, wallets))
