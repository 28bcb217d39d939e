"""What is remembered of anchoring."""

import pytest

from minirelay.chain.anchor_memory import AnchorMemory, AnchorState, UnderWay
from minirelay.chain.anchoring import Anchored, Spent
from minirelay.chain.sending import Sent, Signed
from tests.chain.notebook import Notebook

HIGHEST = 2**256 - 1
SIGNED = Signed(Sent(HIGHEST, b"s" * 20, 2**64 - 1, HIGHEST, 1, b"t" * 32), b"\2raw")
UNDER_WAY = UnderWay(HIGHEST, 2**40, b"r" * 32, 2**40, HIGHEST, SIGNED)


@pytest.mark.parametrize("state", [AnchorState(), AnchorState(Spent(20_000, HIGHEST), UNDER_WAY)])
async def test_what_is_under_way_is_known_after_a_restart(state: AnchorState) -> None:
    notebook = Notebook()
    assert await AnchorMemory(notebook, 1).state() == AnchorState()
    await AnchorMemory(notebook, 1).set_state(state)
    assert await AnchorMemory(notebook, 1).state() == state
    assert await AnchorMemory(notebook, 2).state() == AnchorState()


async def test_how_far_each_shop_is_anchored() -> None:
    notebook = Notebook()
    await AnchorMemory(notebook, 1).set_anchored(HIGHEST, Anchored(2**64 - 1, 9))
    memory = AnchorMemory(notebook, 1)
    assert await memory.anchored(HIGHEST) == Anchored(2**64 - 1, 9)
    assert await memory.anchored(7) == Anchored()
    assert await AnchorMemory(notebook, 2).anchored(HIGHEST) == Anchored()
