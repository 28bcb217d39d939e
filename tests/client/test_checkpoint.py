import msgspec
import pytest

from minirelay.client.checkpoint import Checkpoint
from minirelay.client.patches import add_order, add_stock, add_tag
from minirelay.client.position import Position
from minirelay.errors import MalformedInput
from tests.client.logs import CLERK, SHOP_ID, add_listing, new_shop


def checkpoint() -> Checkpoint:
    log = new_shop()
    log.add(CLERK, add_listing(1) + add_stock(1, 5) + add_tag("mugs", [1]) + add_order(9))
    return Checkpoint(SHOP_ID, Position(4, 2), False, log.state)


def test_it_comes_back_as_it_was() -> None:
    kept = checkpoint()
    back = Checkpoint.from_bytes(kept.to_bytes())
    assert (back.shop_id, back.position, back.is_complete) == (SHOP_ID, Position(4, 2), False)
    assert back.state.root_hash == kept.state.root_hash
    assert list(back.state.objects()) == list(kept.state.objects())


def test_the_beginning_is_one_too() -> None:
    back = Checkpoint.from_bytes(Checkpoint(2**256 - 1).to_bytes())
    assert back == Checkpoint(2**256 - 1)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 40, b"not a checkpoint"])
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedInput, match="not a checkpoint"):
        Checkpoint.from_bytes(data)


def test_a_checkpoint_that_was_cut_short_is_refused() -> None:
    data = checkpoint().to_bytes()
    for size in range(0, len(data), 97):
        with pytest.raises(MalformedInput):
            Checkpoint.from_bytes(data[:size])


def test_other_contents_than_were_kept_are_refused() -> None:
    data = checkpoint().to_bytes()
    assert data.count(b"Thing 1") == 1
    with pytest.raises(MalformedInput, match="root hash"):
        Checkpoint.from_bytes(data.replace(b"Thing 1", b"Thing 2"))


def test_another_version_is_refused() -> None:
    fields = msgspec.msgpack.decode(checkpoint().to_bytes())
    fields["version"] = 99
    with pytest.raises(MalformedInput, match="version 99"):
        Checkpoint.from_bytes(msgspec.msgpack.encode(fields))
