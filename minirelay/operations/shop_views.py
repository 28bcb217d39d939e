"""Shops for the operator's page: which there are, and what is in one."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from minirelay.errors import Refusal
from minirelay.operations.log_document import describe_set, signer_of
from minirelay.operations.operator import OperatorError
from minirelay.operations.shop_documents import (
    Page,
    count_orders,
    describe_addresses,
    describe_manifest,
    list_listings,
    list_orders,
    list_tags,
)
from minirelay.protocol.signing import address_of, checksum_address
from minirelay.relay.relay import Relay
from minirelay.relay.shops import HostedShop
from minirelay.shop.canonical import load
from minirelay.shop.objects import Manifest
from minirelay.shop.order_states import OrderState
from minirelay.shop.state import ShopState
from minirelay.store.decimals_rows import decimals_key
from minirelay.store.messages import ShopRow, WireSet

log = logging.getLogger(__name__)

T = TypeVar("T")
Document = dict[str, Any]

MOST_SETS: Final = 50
PAGE_BYTES: Final = 2**20
_ALL: Final = 10**9


class NoSuchShop(OperatorError):
    """This relay has no such shop, or there is no such order in it."""


class ShopViews:
    """Looks into shops. One large look at a time: each takes a thread for as long as the shop is large."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._reader = relay.store.reader
        self._turn = asyncio.Lock()

    async def page(self, offset: int, most: int) -> Page:
        """List shops in the order in which they came. Raises StoreError."""
        rows = await self._reader.shops()
        return Page([await self._summary(row) for row in rows[offset : offset + most]], len(rows))

    async def one(self, shop_id: int) -> Document:
        """Describe a shop. Raises NoSuchShop, StoreError."""
        hosted = await self._served(shop_id)
        state = await self._state(hosted)
        cards = await self._reader.cards(hosted.row.row_id)
        return {
            **await self._summary(hosted.row),
            "root_hash": f"0x{state.root_hash.hex()}",
            "manifest": await self._manifest(state),
            "listings": len(state.listings),
            "tags": len(state.tags),
            "accounts": len(state.accounts),
            "inventory": len(state.inventory),
            "orders": await self._look(count_orders, state),
            "blob_bytes": await self._reader.blob_bytes(hosted.row.row_id),
            "clerk_cards": sum(not card.is_guest and not card.is_unlinked for card in cards),
            "guest_cards": sum(card.is_guest and not card.is_unlinked for card in cards),
            "unlinked_cards": sum(card.is_unlinked for card in cards),
        }

    async def listings(self, shop_id: int, offset: int, most: int) -> Page:
        """List what a shop sells. Raises NoSuchShop, StoreError."""
        state = await self._state(await self._served(shop_id))
        return await self._look(list_listings, state, offset, most)

    async def tags(self, shop_id: int, offset: int, most: int) -> Page:
        """List a shop's tags. Raises NoSuchShop, StoreError."""
        state = await self._state(await self._served(shop_id))
        return await self._look(list_tags, state, offset, most)

    async def orders(self, shop_id: int, wanted: OrderState | None, offset: int, most: int) -> Page:
        """List a shop's orders. Raises NoSuchShop, StoreError."""
        state = await self._state(await self._served(shop_id))
        page = await self._look(list_orders, state, wanted, offset, most)
        await self._tell_decimals([one["currency"] for one in page.items if one["currency"] is not None])
        return page

    async def addresses(self, shop_id: int, order_id: int, who: str) -> Document:
        """Show a customer's addresses, which is logged. who: asks. Raises NoSuchShop, StoreError."""
        state = await self._state(await self._served(shop_id))
        found = describe_addresses(state, order_id)
        if found is None:
            raise NoSuchShop(f"there is no order {order_id} in this shop")
        log.info("a customer's address was shown", extra={"shop": shop_id, "order": order_id, "to": who})
        return found

    async def log(self, shop_id: int, before: int | None, most: int) -> list[Document]:
        """Describe the last sets before a sequence number, the newest first.

        Raises NoSuchShop, StoreError.
        """
        hosted = await self._served(shop_id)
        end = hosted.feed.seq if before is None else min(before - 1, hosted.feed.seq)
        after = max(0, end - min(most, MOST_SETS))
        found: list[Document] = []
        while after < end:
            sets = await self._reader.page_wire(
                hosted.row.row_id, after_seq=after, upto_seq=end, max_patches=_ALL, max_bytes=PAGE_BYTES
            )
            if not sets:
                break
            for one in sets:
                found.append(await self._describe_set(one))
                after = one.seq
        return found[::-1]

    async def _describe_set(self, stored: WireSet) -> Document:
        signer = await asyncio.to_thread(signer_of, stored)
        card = None if signer is None else await self._reader.key_card(signer)
        author: Document = {"kind": "relay" if card is None else "guest" if card.is_guest else "clerk"}
        if signer is not None:
            author["key_card"] = f"0x{signer.hex()}"
            author["address"] = checksum_address(address_of(signer) if card is None else card.wallet)
        return await asyncio.to_thread(describe_set, stored, author)

    async def _summary(self, row: ShopRow) -> Document:
        seq, counts = await self._reader.tail(row.row_id)
        hosted = self._relay.shops.in_memory(row.shop_id)
        head = None if hosted is None or not hosted.is_idle else hosted.sequencer.head
        return {
            "shop": str(row.shop_id),
            "sequence_number": seq,
            "patches": counts.total,
            "log_bytes": counts.size_bytes,
            "root_hash": None if head is None else f"0x{head.state.root_hash.hex()}",
            "is_in_memory": hosted is not None and hosted.size_bytes > 0,
            "sessions": sum(
                1
                for one in self._relay.live_cards
                if one.session.card is not None and one.session.card.shop == row.row_id
            ),
        }

    async def _manifest(self, state: ShopState) -> Document | None:
        if state.manifest is None:
            return None
        described = describe_manifest(load(Manifest, state.manifest))
        await self._tell_decimals([described["pricing_currency"], *described["accepted_currencies"]])
        return described

    async def _tell_decimals(self, currencies: Sequence[Document]) -> None:
        """Say how many decimals tokens have, where that was ever asked for."""
        for one in currencies:
            if one["decimals"] is None:
                token = int(one["chain"]), bytes.fromhex(one["address"][2:])
                known = await self._reader.get_meta(decimals_key(token))
                one["decimals"] = None if known is None else int.from_bytes(known)

    async def _served(self, shop_id: int) -> HostedShop:
        hosted = await self._relay.shops.find(shop_id)
        if hosted is None:
            raise NoSuchShop(f"this relay has no shop {shop_id}; `minirelay shops` lists those that it has")
        return hosted

    async def _state(self, hosted: HostedShop) -> ShopState:
        try:
            return await hosted.sequencer.consult(lambda head: head.state)
        except Refusal as refusal:
            raise OperatorError(refusal.message) from refusal

    async def _look(self, look: Callable[..., T], *what: object) -> T:
        async with self._turn:
            return await asyncio.to_thread(look, *what)
