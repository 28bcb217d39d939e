"""What shops accept, as their manifests say now: it is looked up on the shop's head, in its turn."""

from collections.abc import Mapping
from typing import Final

from minirelay.payments.submissions import WriteOwn
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.relay.own_write import OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.draft import Draft
from minirelay.shop.work import Work

MOST_TOKENS: Final = 16
"""Of one shop on one chain, the first of its manifest: a clerk may list thousands."""


class AcceptedTokens:
    """Looks into manifests."""

    def __init__(self, write_own: WriteOwn) -> None:
        """write_own: by which a manifest is looked into; nothing is written."""
        self._write_own = write_own

    async def of(self, shop_id: int, chain_id: int) -> frozenset[bytes]:
        """Return what a shop accepts on a chain, and coins. shop_id: its token. Raises MinirelayError."""
        found: Mapping[bytes, object] = {}

        def look(head: ShopHead, facts: Facts, work: Work) -> OwnSets | None:  # noqa: ARG001
            nonlocal found
            manifest = Draft(head.state, work).manifest
            found = {} if manifest is None else manifest.accepted_currencies.get(chain_id, {})
            return None

        await self._write_own(shop_id, look)
        return frozenset([NATIVE_COIN, *list(found)[:MOST_TOKENS]])
