"""The register of key cards: looks them up, and enrols new ones (spec 05, steps 7 and 8)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import count

from minirelay.errors import MinirelayError
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.card_enrolment import CardEnrolment
from minirelay.relay.enrolment import CardAlreadyEnrolled, FirstCardIsGuest
from minirelay.relay.messages import Enrolment
from minirelay.relay.shops import HostedShop, Shops
from minirelay.store.messages import KeyCard
from minirelay.store.reader import Reader


class CardRegister:
    """The key cards that this relay has ever enrolled."""

    def __init__(
        self,
        reader: Reader,
        shops: Shops,
        first_row: int,
        *,
        wallet: PrivateKey,
        registry_chain: int,
        guest_cards_per_shop: int,
        now: Callable[[], datetime],
    ) -> None:
        """first_row: the first row id that is free. wallet: signs what the relay writes.

        registry_chain: chain id. now: the relay's clock, aware UTC.
        """
        self._reader = reader
        self._shops = shops
        self._rows = count(first_row)
        self._wallet = wallet
        self._registry_chain = registry_chain
        self._guest_cards_per_shop = guest_cards_per_shop
        self._now = now
        self._enrolling: set[bytes] = set()

    @property
    def enrolling(self) -> frozenset[bytes]:
        """Return the public keys whose enrolment is under way."""
        return frozenset(self._enrolling)

    async def find(self, public_key: bytes) -> KeyCard | None:
        """Look a key card up, None if it was never enrolled; its shop is in use then. Raises StoreError."""
        card = await self._reader.key_card(public_key)
        if card is not None:
            await self._shops.find_row(card.shop)
        return card

    async def enrol(self, enrolment: Enrolment) -> None:
        """Enrol a key card, and start its shop if need be; done when it is durable.

        Raises CardAlreadyEnrolled, FirstCardIsGuest, GuestCeilingReached, StoreError.
        """
        key = enrolment.key_card
        if key in self._enrolling:
            raise CardAlreadyEnrolled("this key card is being enrolled")
        self._enrolling.add(key)
        try:
            hosted = await self._shop_for(enrolment)
        except BaseException:
            self._enrolling.discard(key)
            raise
        await self._submit(hosted, enrolment)

    async def _shop_for(self, enrolment: Enrolment) -> HostedShop:
        if await self._reader.key_card(enrolment.key_card) is not None:
            raise CardAlreadyEnrolled("this key card is enrolled already")
        if enrolment.is_guest and not await self._shops.is_known(enrolment.shop_id):
            raise FirstCardIsGuest("the first key card of a shop must be a clerk's")
        return await self._shops.find_or_start(enrolment.shop_id)

    def _submit(self, hosted: HostedShop, enrolment: Enrolment) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle(error: MinirelayError | None) -> None:
            # Not before: the caller may have gone, and the card must not be enrolled twice meanwhile.
            self._enrolling.discard(enrolment.key_card)
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        hosted.sequencer.submit(
            CardEnrolment(
                enrolment=enrolment,
                card_row=next(self._rows),
                relay_key=self._wallet,
                registry_chain=self._registry_chain,
                guest_card_ceiling=self._guest_cards_per_shop,
                now=self._now,
                settle=settle,
            )
        )
        return done
