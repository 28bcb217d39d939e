"""Heads from one poll to the next."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from minirelay.chain.block import MOST, MOST_AHEAD_S
from minirelay.chain.chain import MOST_MOVES
from minirelay.chain.confirmations import Depths
from minirelay.chain.errors import ChainUnreachable
from minirelay.chain.head_history import SPACING
from minirelay.chain.head_tracking import (
    BACK_PATIENCE_S,
    NO_TAG_INTERVAL_S,
    STILL_S,
    TAG_INTERVAL_S,
    HeadTracker,
)
from minirelay.errors import ChainError
from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError, write_data
from tests.chain.chain_model import ChainModel
from tests.chain.model_node import ModelNode, NodeTraits, header
from tests.chain.polling import CHAIN_ID, CONTRACT, CountedNode, Polling


def polling_over(count: int, *, blocks: int = 20, depths: Depths | None = None, tags: bool = True) -> Polling:
    model = ChainModel(CHAIN_ID, codes=(CONTRACT,))
    for _ in range(blocks):
        model.mine()
    traits = NodeTraits(has_tags=tags)
    return Polling(*(CountedNode(model, f"node {n}", traits) for n in range(count)), depths=depths)


def flipping(node: ModelNode) -> Callable[[Request], Answer | None]:
    """Let the head of a node have another hash each time that it is asked."""

    def answer(request: Request) -> Answer | None:
        head = node.view.head
        if request.method != "eth_getBlockByNumber" or request.params[0] not in ("latest", hex(head.number)):
            return None
        return Result(header(head) | {"hash": write_data(secrets.token_bytes(32))})

    return answer


async def test_a_head_that_goes_back_is_not_believed_at_once() -> None:
    polling = polling_over(1)
    await polling.poll()
    polling.node.lag = 2
    for _ in range(3):
        with pytest.raises(ChainUnreachable):
            await polling.poll()
    polling.node.lag = 0
    await polling.poll()
    assert polling.watch.last.forgotten_above is None


async def test_a_head_that_stays_back_on_all_endpoints_is_believed() -> None:
    polling = polling_over(2)
    await polling.poll()
    for node in polling.nodes:
        node.lag = 2
    for _ in range(2):
        with pytest.raises(ChainUnreachable):
            await polling.poll()
    await polling.poll(BACK_PATIENCE_S + 1)
    assert polling.marks[0] == 18
    assert polling.watch.last.forgotten_above is not None
    assert polling.watch.last.forgotten_above <= 18


async def test_an_endpoint_that_was_unreachable_for_long_is_not_believed_sooner() -> None:
    polling = polling_over(1)
    await polling.poll()
    polling.node.intercept = lambda request: RpcError(-32603, "internal error")
    with pytest.raises(ChainUnreachable):
        await polling.poll()
    polling.clock.now += 10 * BACK_PATIENCE_S
    polling.node.intercept = lambda request: None
    polling.node.lag = 2
    with pytest.raises(ChainUnreachable):
        await polling.poll()


async def test_on_a_development_chain_a_head_goes_back_at_once() -> None:
    polling = polling_over(1, depths=Depths(1, is_development=True))
    await polling.poll()
    polling.node.lag = 5
    await polling.poll()
    assert polling.marks == (15, 15, 15)


async def test_an_endpoint_whose_head_stands_still_rests_when_another_has_moved_on() -> None:
    polling = polling_over(2)
    await polling.poll()
    polling.node.follows = polling.model.head
    polling.mine(1)
    while not polling.chain.health()[0].reason:
        await polling.poll()
        assert polling.clock.now < 1000 + 2 * STILL_S
    assert "stands still" in polling.chain.health()[0].reason
    await polling.poll()
    assert polling.node.requests == 0
    assert polling.marks[0] == 21
    assert polling.watch.seen == [1]


async def test_a_head_that_is_another_block_of_the_same_number_stands_still_too() -> None:
    polling = polling_over(2)
    await polling.poll()
    before, polling.node.follows = polling.model.best.at(19), polling.model.head
    polling.mine(1)
    while not polling.chain.health()[0].reason:
        polling.node.follows = polling.model.mine(on=before)
        await polling.poll()
        assert polling.clock.now < 1000 + 2 * STILL_S
    assert "stands still" in polling.chain.health()[0].reason


async def test_an_endpoint_whose_head_is_never_the_same_rests_where_there_is_another() -> None:
    polling = polling_over(2)
    await polling.poll()
    polling.node.intercept = flipping(polling.node)
    for _ in range(MOST_MOVES):
        polling.mine()
        with suppress(ChainError):
            await polling.poll()
    await polling.poll()
    assert polling.node.requests == 0
    assert polling.marks[:2] == (20 + MOST_MOVES, 20 + MOST_MOVES)


async def test_the_only_endpoint_does_not_rest_because_its_head_moves() -> None:
    polling = polling_over(1)
    await polling.poll()
    polling.node.intercept = flipping(polling.node)
    for _ in range(3 * MOST_MOVES):
        polling.mine()
        with suppress(ChainError):
            await polling.poll()
    polling.node.intercept = lambda request: None
    await polling.poll()
    assert polling.marks[:2] == (20 + 3 * MOST_MOVES, 20 + 3 * MOST_MOVES)


async def test_a_head_that_moves_now_and_then_is_no_failure() -> None:
    polling = polling_over(2)
    await polling.poll()
    for _ in range(2 * MOST_MOVES):
        polling.node.intercept = flipping(polling.node)
        polling.mine()
        with suppress(ChainError):
            await polling.poll()
        polling.node.intercept = lambda request: None
        await polling.poll()
    assert [one.reason for one in polling.chain.health()] == ["", ""]


async def test_where_no_other_has_moved_on_a_head_may_stand_still() -> None:
    polling = polling_over(2)
    await polling.poll()
    for _ in range(100):
        await polling.poll()
    assert [one.reason for one in polling.chain.health()] == ["", ""]
    # Seldom enough.
    assert polling.nodes[1].requests <= 1


async def test_a_tag_that_nothing_depends_on_is_asked_for_now_and_then() -> None:
    polling = polling_over(1)
    assert await tags_asked(polling, 0, TAG_INTERVAL_S - 1, 1, 1) == ["finalized", "finalized"]


async def test_a_tag_that_is_not_known_is_seldom_asked_for() -> None:
    polling = polling_over(1, tags=False)
    assert await tags_asked(polling, 0, TAG_INTERVAL_S, NO_TAG_INTERVAL_S - TAG_INTERVAL_S - 1) == [
        "finalized"
    ]
    assert await tags_asked(polling, 1) == ["finalized"]


async def test_a_tag_that_says_what_is_deep_is_asked_for_each_time() -> None:
    polling = polling_over(1, depths=Depths("safe"))
    assert await tags_asked(polling, 0, 1) == ["safe", "finalized"] * 2


async def tags_asked(polling: Polling, *pauses_s: float) -> list[object]:
    """Poll after each of these pauses; gives the tags that were asked for."""
    tags: list[object] = []

    def note(request: Request) -> None:
        tags.extend(one for one in request.params if one in ("safe", "finalized"))

    polling.node.intercept = note
    for pause_s in pauses_s:
        await polling.poll(pause_s)
    return tags


async def test_a_reorganisation_is_found_far_back_in_few_requests() -> None:
    model = ChainModel(CHAIN_ID, codes=(CONTRACT,))
    polling = Polling(CountedNode(model, traits=NodeTraits(finalized_distance=190)))
    for _ in range(200):
        polling.mine()
        await polling.poll()
    base = polling.model.best.at(80)
    assert base is not None
    polling.reorganise(base, *[[]] * 130)
    await polling.poll()
    told = polling.watch.last.forgotten_above
    assert told is not None
    # Heads are thinned there.
    assert 80 - SPACING <= told <= 80
    assert polling.node.requests <= 10
    assert polling.marks[:2] == (210, 210)


def test_a_block_may_not_be_of_a_far_future_but_on_a_development_chain() -> None:
    polling = polling_over(1)
    now = datetime.fromtimestamp(1000, UTC)
    assert HeadTracker(polling.chain, Depths(3), lambda: now, polling.clock).latest == 1000 + MOST_AHEAD_S
    development = Depths(1, is_development=True)
    assert HeadTracker(polling.chain, development, lambda: now, polling.clock).latest == MOST


async def test_another_chain_behind_an_url_is_no_reorganisation_and_leaves_nothing_behind() -> None:
    polling = polling_over(2, blocks=30)
    await polling.poll()
    other = ModelNode(ChainModel(999))
    for _ in range(300):
        other.model.mine()
    polling.node.intercept = other.answer
    polling.mine(count=5)
    with pytest.raises(ChainError):
        await polling.poll(TAG_INTERVAL_S + 1)
    await polling.poll()
    marks = polling.watch.last.marks
    assert (marks.head.number, marks.scanned) == (35, 35)
    assert polling.watch.last.forgotten_above is None
    # Its finalized block is 280.
    assert marks.final <= 15


async def test_another_chain_that_is_shorter_is_no_reorganisation_either() -> None:
    polling = polling_over(1, blocks=30)
    await polling.poll()
    polling.node.intercept = ModelNode(ChainModel(999)).answer
    for _ in range(3):
        with pytest.raises(ChainError):
            await polling.poll(BACK_PATIENCE_S)
    polling.node.intercept = lambda request: None
    await polling.poll(600)
    assert polling.watch.last.forgotten_above is None
    assert polling.marks[:2] == (30, 30)
