"""How far chains are read, and who was asked."""

from typing import cast

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint_state import EndpointHealth
from minirelay.chain.poll_loop import ChainStatus
from minirelay.operations.collectors.chains import ChainsCollector
from minirelay.payments.polling import Polling
from tests.operations.collectors.samples import samples


class Statuses:
    """Says of two chains how far they are read: one is, the other never was."""

    def statuses(self) -> tuple[ChainStatus, ...]:
        return (ChainStatus(1, 10, 8, 5, 1.5), ChainStatus(5, None, None, None, 300.0))


class Endpoints:
    """A chain with an endpoint that works and one that does not."""

    chain_id = 1

    def health(self) -> tuple[EndpointHealth, ...]:
        return (EndpointHealth("one", "", 0.0), EndpointHealth("two", "it hangs", 12.0))


async def test_heads_cursors_and_lags_are_told_as_far_as_they_are_known() -> None:
    found = await samples(ChainsCollector(cast(Polling, Statuses()), [cast(Chain, Endpoints())]))
    assert found["minirelay_chain_head_block{1}"] == 10
    assert found["minirelay_chain_cursor_block{1}"] == 8
    assert found["minirelay_chain_final_block{1}"] == 5
    assert found["minirelay_chain_lag_blocks{1}"] == 2
    assert (found["minirelay_chain_lag_seconds{1}"], found["minirelay_chain_lag_seconds{5}"]) == (1.5, 300)
    assert "minirelay_chain_head_block{5}" not in found
    assert (found["minirelay_endpoint_up{1,one}"], found["minirelay_endpoint_up{1,two}"]) == (1, 0)
    assert found["minirelay_endpoint_rest_seconds{1,two}"] == 12
