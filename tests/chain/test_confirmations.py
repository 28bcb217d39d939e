"""When a block is deep, and when it is final."""

import pytest

from minirelay.chain.confirmations import Confirmations, Depths, Tag, default_confirmations


@pytest.mark.parametrize(
    ("chain_id", "expected"),
    [
        (1, 3),
        (10, 3),
        (8453, 3),
        (7777777, 3),
        (34443, 3),
        (42161, 20),
        (42170, 20),
        (137, 32),
        (56, 12),
        (0, 12),
    ],
)
def test_each_chain_has_its_depth(chain_id: int, expected: int) -> None:
    assert default_confirmations(chain_id, is_development=False) == expected
    assert default_confirmations(chain_id, is_development=True) == 1


@pytest.mark.parametrize(
    ("confirmations", "deep"), [(1, 100), (3, 98), (100, 1), (101, 0), (102, -1), (1000, -1)]
)
def test_one_confirmation_is_inclusion(confirmations: int, deep: int) -> None:
    assert Depths(confirmations).deep_number(100, {}) == deep


@pytest.mark.parametrize(
    ("confirmations", "tagged", "deep"),
    [
        ("safe", {"safe": 70, "finalized": 50}, 70),
        ("finalized", {"safe": 70, "finalized": 50}, 50),
        ("safe", {"safe": None, "finalized": 50}, -1),
        ("finalized", {}, -1),
        # A tag may be ahead of the head that came with it.
        ("safe", {"safe": 103}, 100),
    ],
)
def test_a_tag_says_what_is_deep(
    confirmations: Confirmations, tagged: dict[Tag, int | None], deep: int
) -> None:
    assert Depths(confirmations).deep_number(100, tagged) == deep


@pytest.mark.parametrize(
    ("confirmations", "tagged", "final"),
    [
        (3, {"finalized": 50}, 50),
        # What the tag says is believed only of blocks that are deep.
        (3, {"finalized": 100}, 98),
        # Without a tag: four times as deep, at least 64.
        (3, {}, 37),
        (3, {"finalized": None}, 37),
        (20, {}, 21),
        ("safe", {"safe": 70}, 37),
        ("safe", {"safe": 70, "finalized": 60}, 60),
        ("safe", {"finalized": 60}, -1),
        ("finalized", {"finalized": 40}, 40),
        ("finalized", {}, -1),
    ],
)
def test_a_block_is_final_by_the_tag_or_by_its_depth(
    confirmations: Confirmations, tagged: dict[Tag, int | None], final: int
) -> None:
    assert Depths(confirmations).final_number(100, tagged) == final


def test_where_no_tag_is_asked_for_it_stands_for_a_depth() -> None:
    assert [Depths(one).in_blocks for one in (3, "safe", "finalized")] == [3, 64, 64]


def test_a_young_chain_has_no_final_block() -> None:
    assert Depths(3).final_number(62, {}) == -1
    assert Depths(3).final_number(63, {}) == 0


def test_on_a_development_chain_what_is_deep_is_final() -> None:
    depths = Depths(2, is_development=True)
    assert depths.final_number(100, {"finalized": 3}) == depths.deep_number(100, {}) == 99


@pytest.mark.parametrize(
    ("depths", "tags"),
    [
        (Depths(3), ("finalized",)),
        (Depths("safe"), ("safe", "finalized")),
        (Depths("finalized"), ("finalized",)),
        (Depths(1, is_development=True), ()),
        (Depths("safe", is_development=True), ("safe",)),
    ],
)
def test_only_tags_that_matter_are_asked_for(depths: Depths, tags: tuple[Tag, ...]) -> None:
    assert depths.tags() == tags
