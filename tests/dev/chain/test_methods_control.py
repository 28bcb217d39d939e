import pytest

from tests.dev.chain.asking import START, Asker, SlowClock


def timestamp(ask: Asker) -> int:
    return int(ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def test_mining(ask: Asker) -> None:
    assert ask("evm_mine") == "0x0"
    ask("evm_mine", {"blocks": 3})
    assert ask("eth_blockNumber") == "0x4"
    assert timestamp(ask) == START + 4


def test_mining_at_a_time(ask: Asker, clock: SlowClock) -> None:
    ask("evm_mine", START + 100)
    assert timestamp(ask) == START + 100
    ask("evm_mine", {"timestamp": hex(START + 200), "blocks": 2})
    assert timestamp(ask) == START + 201
    clock.now += 50
    ask("evm_mine")
    assert timestamp(ask) == START + 250


def test_time_runs_ahead(ask: Asker, clock: SlowClock) -> None:
    assert ask("evm_increaseTime", 100) == 100
    assert ask("evm_increaseTime", "0x32") == 150
    ask("evm_mine")
    assert timestamp(ask) == START + 150
    clock.now += 7
    ask("evm_mine")
    assert timestamp(ask) == START + 157


def test_next_block_at_a_time(ask: Asker, clock: SlowClock) -> None:
    assert ask("evm_setNextBlockTimestamp", START + 500) is None
    ask("evm_mine")
    assert timestamp(ask) == START + 500
    clock.now += 3
    ask("evm_mine")
    assert timestamp(ask) == START + 503


def test_time_does_not_go_back(ask: Asker) -> None:
    for moment in (START, START - 1, 0):
        assert ask.error("evm_setNextBlockTimestamp", moment)[0] == -32602
        assert ask.error("evm_mine", moment)[0] == -32602
    assert ask("eth_blockNumber") == "0x0"


@pytest.mark.parametrize(
    ("method", "param"),
    [
        ("evm_increaseTime", "0x" + "f" * 64),
        ("evm_increaseTime", 2**53),
        ("evm_setNextBlockTimestamp", 2**53 + 1),
        ("evm_mine", 2**60),
        ("evm_mine", {"blocks": 10_001}),
        ("evm_mine", {"blocks": -1}),
        ("evm_mine", "soon"),
        ("evm_increaseTime", -5),
        ("evm_revert", "first"),
        ("evm_revert", None),
    ],
)
def test_what_is_out_of_reach(ask: Asker, method: str, param: object) -> None:
    assert ask.error(method, param)[0] == -32602
    ask("evm_mine")
    assert timestamp(ask) == START + 1


def test_snapshots_count_up(ask: Asker) -> None:
    assert [ask("evm_snapshot") for _ in range(3)] == ["0x1", "0x2", "0x3"]
    assert ask("evm_revert", "0x2") is True
    assert ask("evm_snapshot") == "0x4"
    assert ask("evm_revert", "0x9") is False
