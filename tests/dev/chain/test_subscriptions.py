import pytest

from minirelay.dev.chain.errors import RpcError
from minirelay.dev.chain.shapes import Json
from minirelay.dev.chain.subscriptions import MAX_SUBSCRIPTIONS, Subscriptions
from tests.dev.chain.asking import Asker


def test_each_has_a_number_of_its_own_until_it_ends(ask: Asker) -> None:
    told: list[Json] = []
    subscriptions = Subscriptions(ask.node, told.append)
    first, second = subscriptions.add_heads(), subscriptions.add_heads()
    ask("evm_mine")
    assert [one["params"]["subscription"] for one in told] == [hex(first), hex(second)]
    assert subscriptions.remove(first)
    ask("evm_mine")
    assert len(told) == 3
    subscriptions.close()
    ask("evm_mine")
    assert len(told) == 3


def test_they_are_bounded(ask: Asker) -> None:
    subscriptions = Subscriptions(ask.node, lambda _: None)
    for _ in range(MAX_SUBSCRIPTIONS):
        subscriptions.add_heads()
    with pytest.raises(RpcError, match="at most"):
        subscriptions.add_heads()
