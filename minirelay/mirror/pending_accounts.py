"""The accounts that have to be compared with the chain yet: every shop in turn, however many one has."""

from collections import deque
from collections.abc import Container, Iterable
from typing import Final

import msgspec

from minirelay.store.account_checks import AccountCheck

MOST_OF_A_SHOP: Final = 4096
"""An owner may add users without end. Beyond so many at once, those get their accounts when they enrol."""


class _Pending(msgspec.Struct, frozen=True, gc=False):
    check: AccountCheck
    since: float


class PendingAccounts:
    """Checks by shop and wallet."""

    def __init__(self, checks: Iterable[AccountCheck], now: float) -> None:
        """Begin with those that were stored. now: epoch seconds, as everywhere here."""
        # The shop that was looked at least recently comes first, and so does its wallet.
        self._shops: dict[int, dict[bytes, _Pending]] = {}
        for check in checks:
            self.add(check, now)

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._shops)

    def __contains__(self, check: AccountCheck) -> bool:
        """Return whether a check is to be made, or one that would do more."""
        known = self._shops.get(check.shop_id, {}).get(check.wallet)
        return known is not None and known.check.may_be_added >= check.may_be_added

    def has_room(self, shop_id: int) -> bool:
        """Return whether a check is taken that has no account to remove; for others there always is room."""
        return len(self._shops.get(shop_id, ())) < MOST_OF_A_SHOP

    def add(self, check: AccountCheck, now: float) -> None:
        """Take a check in."""
        self._shops.setdefault(check.shop_id, {})[check.wallet] = _Pending(check, now)

    def age_s(self, check: AccountCheck, now: float) -> float:
        """Return for how long a check was pending; it is."""
        return now - self._shops[check.shop_id][check.wallet].since

    def done(self, check: AccountCheck) -> None:
        """Forget a check that was made."""
        wallets = self._shops.get(check.shop_id, {})
        wallets.pop(check.wallet, None)
        if not wallets:
            self._shops.pop(check.shop_id, None)

    def next(self, most: int, without: Container[tuple[int, bytes]]) -> list[AccountCheck]:
        """Return those whose turn it is: one of each shop, then another. without: keys that are to wait.

        What stays in is behind all others of its shop the next time, and its shop behind all others.
        """
        lines = deque((shop_id, iter(wallets.values())) for shop_id, wallets in self._shops.items())
        found: list[AccountCheck] = []
        while lines and len(found) < most:
            shop_id, line = lines.popleft()
            following = next((one.check for one in line if one.check.key not in without), None)
            if following is not None:
                found.append(following)
                lines.append((shop_id, line))
        for check in found:
            wallets = self._shops.pop(check.shop_id)
            self._shops[check.shop_id] = wallets
            wallets[check.wallet] = wallets.pop(check.wallet)
        return found
