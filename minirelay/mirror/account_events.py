"""Which wallet an event of the shop registry is about, as far as its account is concerned (spec 07)."""

from typing import Final

from minirelay.chain.findings import FoundLog
from minirelay.errors import MalformedInput
from minirelay.protocol.abi import Event, address_of_word
from minirelay.protocol.addresses import GUEST_WALLET
from minirelay.protocol.registries import (
    PERMISSION_ADDED,
    PERMISSION_REMOVED,
    SHOP_TRANSFER,
    UPDATE_ROOT_HASH,
    USER_ADDED,
    USER_REMOVED,
)
from minirelay.store.account_checks import AccountCheck

USER_EVENTS: Final = (USER_ADDED, USER_REMOVED, PERMISSION_ADDED, PERMISSION_REMOVED)
"""They name the shop in their first topic."""

_BY_TOPIC: Final = {one.topic: one for one in (*USER_EVENTS, SHOP_TRANSFER)}


def wallet_named(log: FoundLog) -> AccountCheck | None:
    """Return whose right to act for which shop an event may have changed; None if nobody's.

    Only UserAdded and PermissionAdded may add an account. A transfer is about who had the shop's token: a
    new owner gets its account when it enrols. The zero address stands for all guests, and is never meant.
    """
    event = _BY_TOPIC.get(log.topics[0])
    if event is None:
        return None
    try:
        check = _read(event, log)
    except MalformedInput:
        # Not of a ShopReg.
        return None
    return None if check is None or check.wallet == GUEST_WALLET else check


def takes_right(log: FoundLog) -> bool:
    """Return whether whom an event names may not act behind it, unless it owns the shop.

    log: one for which `wallet_named` has a wallet.
    """
    event = _BY_TOPIC[log.topics[0]]
    if event is USER_ADDED:
        _, _, permissions = event.words(log.topics, log.data)
        return not int.from_bytes(permissions) >> UPDATE_ROOT_HASH & 1
    return event in (USER_REMOVED, PERMISSION_REMOVED)


def _read(event: Event, log: FoundLog) -> AccountCheck | None:
    words = event.words(log.topics, log.data)
    if event is SHOP_TRANSFER:
        seller, _, token = words
        return AccountCheck(int.from_bytes(token), address_of_word(seller), False)
    shop, wallet, *rest = words
    if event in (PERMISSION_ADDED, PERMISSION_REMOVED) and int.from_bytes(rest[0]) != UPDATE_ROOT_HASH:
        return None
    return AccountCheck(
        int.from_bytes(shop), address_of_word(wallet), event in (USER_ADDED, PERMISSION_ADDED)
    )
