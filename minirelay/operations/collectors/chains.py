"""The chains that are watched, and their endpoints."""

from collections.abc import Sequence
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.metrics import Families, Labels, Series
from minirelay.payments.polling import Polling

HEAD: Final = Series("minirelay_chain_head_block", "gauge", "The newest block that was polled.", ("chain",))
CURSOR: Final = Series(
    "minirelay_chain_cursor_block", "gauge", "The block up to which it is read.", ("chain",)
)
FINAL: Final = Series(
    "minirelay_chain_final_block", "gauge", "The block up to which nothing vanishes any more.", ("chain",)
)
LAG_BLOCKS: Final = Series(
    "minirelay_chain_lag_blocks", "gauge", "Blocks that are still to be read.", ("chain",)
)
LAG: Final = Series(
    "minirelay_chain_lag_seconds", "gauge", "Since when it was not read up to its head.", ("chain",)
)
ENDPOINT_UP: Final = Series(
    "minirelay_endpoint_up",
    "gauge",
    "1 for an endpoint that may be asked, 0 for one that failed.",
    ("chain", "endpoint"),
)
ENDPOINT_REST: Final = Series(
    "minirelay_endpoint_rest_seconds",
    "gauge",
    "How long an endpoint is left alone yet.",
    ("chain", "endpoint"),
)
SERIES: Final = (HEAD, CURSOR, FINAL, LAG_BLOCKS, LAG, ENDPOINT_UP, ENDPOINT_REST)


class ChainsCollector:
    """How far chains are read."""

    def __init__(self, polling: Polling, chains: Sequence[Chain]) -> None:
        self._polling = polling
        self._chains = chains

    @property
    def series(self) -> tuple[Series, ...]:
        """List what it collects."""
        return SERIES

    async def collect(self) -> Families:
        """Collect it, from memory."""
        statuses = {(str(one.chain_id),): one for one in self._polling.statuses()}
        rests: dict[Labels, float] = {
            (str(chain.chain_id), one.name): one.rest_s for chain in self._chains for one in chain.health()
        }
        return [
            HEAD.by({chain: one.head for chain, one in statuses.items() if one.head is not None}),
            CURSOR.by({chain: one.scanned for chain, one in statuses.items() if one.scanned is not None}),
            FINAL.by({chain: one.final for chain, one in statuses.items() if one.final is not None}),
            LAG_BLOCKS.by(
                {chain: one.lag_blocks for chain, one in statuses.items() if one.lag_blocks is not None}
            ),
            LAG.by({chain: one.lag_s for chain, one in statuses.items()}),
            ENDPOINT_UP.by({endpoint: not rest_s for endpoint, rest_s in rests.items()}),
            ENDPOINT_REST.by(rests),
        ]
