"""What the relay writes to a shop so that its accounts are what the chain says (spec 07)."""

from collections.abc import Mapping, Sequence

import msgspec

from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import NewPatch
from minirelay.relay.own_write import OwnSets
from minirelay.relay.shop_head import ShopHead
from minirelay.shop.checkout import CheckoutOutcome
from minirelay.shop.checkout_facts import Facts
from minirelay.shop.relay_sets import OrderPatches
from minirelay.shop.work import LOOKUP, Work


class AccountChanges(msgspec.Struct, frozen=True):
    """What is to become of a shop's accounts: what `Relay.write_own` decides by.

    added: wallets. removed: wallets, each with its account in canonical form, as it was when the chain was
    asked. One that is not so any more is left alone: a key card was enrolled meanwhile, perhaps rightly.
    """

    added: Sequence[bytes] = ()
    removed: Mapping[bytes, bytes] = {}

    def decide(self, head: ShopHead, _facts: Facts, work: Work) -> OwnSets | None:
        """Make the patches of what is not so yet."""
        work.spend(LOOKUP * (len(self.added) + len(self.removed)))
        patches: list[OrderPatches] = []
        for wallet in self.added:
            if head.state.get(ObjectType.ACCOUNT, wallet) is None:
                account = NewPatch("add", ("Accounts", wallet), {"KeyCards": [], "Guest": False})
                patches.append((account,))
        for wallet, account_before in self.removed.items():
            if head.state.get(ObjectType.ACCOUNT, wallet) == account_before:
                patches.append((NewPatch("remove", ("Accounts", wallet), None),))
        return OwnSets(CheckoutOutcome(tuple(patches))) if patches else None


def removed_wallets(written: OwnSets | None) -> set[bytes]:
    """Return whose accounts were removed by what was written."""
    groups = () if written is None else written.outcome.patches
    paths = [patch.path for group in groups for patch in group if patch.op == "remove"]
    return {wallet for _, wallet in paths if isinstance(wallet, bytes)}
