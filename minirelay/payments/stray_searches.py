"""The searches of all chains for money that payment addresses did not ask for (spec 06, "stray")."""

from collections.abc import Callable, Mapping, Sequence

from minirelay.payments.stray_search import StraySearch
from minirelay.shop.issued_requests import IssuedRequest

Search = Callable[[int, IssuedRequest, bytes], None]
"""`StraySearches.begin`."""


class StraySearches:
    """Those of all chains."""

    def __init__(self, searches: Sequence[StraySearch]) -> None:
        """searches: one for each chain."""
        self._searches: Mapping[int, StraySearch] = {one.chain_id: one for one in searches}

    def of_chain(self, chain_id: int) -> StraySearch | None:
        """Return the search of a chain, None if it is not searched."""
        return self._searches.get(chain_id)

    async def load(self) -> None:
        """Go on with what was under way before a restart. Raises StoreError."""
        chains = {chain for one in self._searches.values() for chain in await one.load()}
        for chain_id in chains & self._searches.keys():
            self._searches[chain_id].want_addresses()

    def begin(self, shop: int, issued: IssuedRequest, address: bytes) -> None:
        """Search at the address of a request, on all chains. shop: row id. address: 20 bytes."""
        for one in self._searches.values():
            one.begin(shop, issued, address)
