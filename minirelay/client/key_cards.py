"""Whose key cards may write to a shop, as its log says it (spec 05 "Roles")."""

from collections import Counter

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop import rules_accounts
from minirelay.shop.access import Role
from minirelay.shop.state import ShopState
from minirelay.shop.working_set import WorkingSet


class KeyCards:
    """The key cards of all accounts at one place in the log. Feed it every patch, in order.

    A card that is removed was valid until then, so ask for the signer of a set before its patches are
    applied.
    """

    def __init__(self, state: ShopState | None = None) -> None:
        """state: the shop at the place to begin from; None: a shop without accounts."""
        begin = ShopState() if state is None else state
        # Never finished, so the guests' account, of perhaps 100,000 cards, is not encoded for each new one.
        self._working = WorkingSet(begin)
        self._cards: dict[Role, Counter[bytes]] = {Role.CLERK: Counter(), Role.GUEST: Counter()}
        for address, _ in begin.accounts.items():
            self._count(address, 1)

    def role_of(self, key_card: bytes) -> Role | None:
        """Give the role of a key card, CLERK or GUEST; None if no account has it."""
        return next((role for role, cards in self._cards.items() if cards[key_card] > 0), None)

    def apply(self, patch: Patch) -> None:
        """Follow a patch; most are not about accounts. Raises Refusal if the patch can't be applied."""
        if patch.object_type is not ObjectType.ACCOUNT:
            return
        address = patch.object_id
        if patch.op == "append":
            rules_accounts.apply(self._working, patch)
            self._count(address, 1, only_last=True)
            return
        self._count(address, -1)
        rules_accounts.apply(self._working, patch)
        self._count(address, 1)

    def _count(self, address: bytes, by: int, only_last: bool = False) -> None:
        account = self._working.accounts.look(address)
        if account is None:
            return
        counter = self._cards[Role.GUEST if account.guest else Role.CLERK]
        for key_card in account.key_cards[-1:] if only_last else account.key_cards:
            counter[key_card] += by
