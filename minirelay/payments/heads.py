"""The newest block of one chain, as checkout is told of it (spec 07, the end of "Prices").

The chain's poller brings the heads along. None is told before the chain's Payments contract is proven:
without one nobody can be asked to pay there.
"""

from collections.abc import Callable
from datetime import datetime

from minirelay.chain.block import Block
from minirelay.shop.checkout_facts import ChainHead


class Heads:
    """The heads of one chain."""

    def __init__(
        self,
        chain_id: int,
        tell: Callable[[int, ChainHead], None],
        now: Callable[[], datetime],
        *,
        is_development: bool,
        is_proven: bool = False,
    ) -> None:
        """tell: gets the chain's id and each head. now: the relay's clock."""
        self._chain_id = chain_id
        self._tell = tell
        self._now = now
        self._is_development = is_development
        self._is_proven = is_proven
        self._newest: ChainHead | None = None

    def note(self, head: Block) -> None:
        """Take note of a head that was read now, be it the same as before."""
        read_at = int(self._now().timestamp())
        self._newest = ChainHead(head.number, head.timestamp, read_at, self._is_development)
        if self._is_proven:
            self._tell(self._chain_id, self._newest)

    def prove(self) -> None:
        """Take note that the contract is proven, and tell what was kept back."""
        self._is_proven = True
        if self._newest is not None:
            self._tell(self._chain_id, self._newest)
