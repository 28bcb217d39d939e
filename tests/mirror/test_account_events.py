"""Which wallet an event names; and logs that are of no such event name nobody."""

import pytest
from eth_abi.abi import encode

from minirelay.chain.findings import FoundLog
from minirelay.mirror.account_events import USER_EVENTS, takes_right, wallet_named
from minirelay.protocol.abi import Event
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.registries import (
    PERMISSION_ADDED,
    PERMISSION_REMOVED,
    SHOP_TRANSFER,
    USER_ADDED,
    USER_REMOVED,
)
from minirelay.store.account_checks import AccountCheck

SHOP = 2**256 - 1
WALLET, OTHER = b"\x0a" * 20, b"\x0b" * 20


def found(event: Event, *values: object) -> FoundLog:
    """The log of an event, encoded by its declaration."""
    pairs = list(zip(event.inputs, values, strict=True))
    topics = [encode([kind], [value]) for (kind, is_indexed), value in pairs if is_indexed]
    in_data = [(kind, value) for (kind, is_indexed), value in pairs if not is_indexed]
    data = encode([kind for kind, _ in in_data], [value for _, value in in_data])
    return FoundLog(bytes(20), (event.topic, *topics), data, BlockId(1, bytes(32)), bytes(32), 0)


@pytest.mark.parametrize(
    ("log", "named"),
    [
        (found(USER_ADDED, SHOP, WALLET, 0), AccountCheck(SHOP, WALLET, True)),
        (found(USER_ADDED, SHOP, WALLET, 2**256 - 1), AccountCheck(SHOP, WALLET, True)),
        (found(USER_REMOVED, SHOP, WALLET), AccountCheck(SHOP, WALLET, False)),
        (found(PERMISSION_ADDED, SHOP, WALLET, 2), AccountCheck(SHOP, WALLET, True)),
        (found(PERMISSION_REMOVED, SHOP, WALLET, 2), AccountCheck(SHOP, WALLET, False)),
        (found(PERMISSION_ADDED, SHOP, WALLET, 3), None),
        (found(PERMISSION_REMOVED, SHOP, WALLET, 255), None),
        (found(SHOP_TRANSFER, WALLET, OTHER, SHOP), AccountCheck(SHOP, WALLET, False)),
        # A shop that is minted.
        (found(SHOP_TRANSFER, bytes(20), OTHER, SHOP), None),
        (found(USER_ADDED, SHOP, bytes(20), 4), None),
        (found(USER_REMOVED, SHOP, bytes(20)), None),
    ],
)
def test_who_is_named(log: FoundLog, named: AccountCheck | None) -> None:
    assert wallet_named(log) == named


@pytest.mark.parametrize("event", [*USER_EVENTS, SHOP_TRANSFER])
def test_a_log_of_another_shape_names_nobody(event: Event) -> None:
    topics = (event.topic, *[b"\x01" * 32] * 3)
    for count in range(1, 5):
        for words in range(4):
            log = FoundLog(
                bytes(20), topics[:count], b"\xff" * 32 * words, BlockId(1, bytes(32)), bytes(32), 0
            )
            assert wallet_named(log) is None
    unknown = FoundLog(bytes(20), (bytes(32),), b"", BlockId(1, bytes(32)), bytes(32), 0)
    assert wallet_named(unknown) is None


@pytest.mark.parametrize(
    ("log", "takes"),
    [
        (found(USER_ADDED, SHOP, WALLET, 0b100), False),
        (found(USER_ADDED, SHOP, WALLET, 2**256 - 1), False),
        (found(USER_ADDED, SHOP, WALLET, 2**256 - 1 - 0b100), True),
        (found(USER_REMOVED, SHOP, WALLET), True),
        (found(PERMISSION_ADDED, SHOP, WALLET, 2), False),
        (found(PERMISSION_REMOVED, SHOP, WALLET, 2), True),
        # Who sold may have the permission all the same.
        (found(SHOP_TRANSFER, WALLET, OTHER, SHOP), False),
    ],
)
def test_whose_right_is_gone(log: FoundLog, takes: bool) -> None:
    assert takes_right(log) is takes
