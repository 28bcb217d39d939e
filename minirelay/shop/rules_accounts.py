"""What patches do to accounts (spec 04 "Accounts")."""

from minirelay.errors import invalid
from minirelay.protocol.patch_set import Patch
from minirelay.shop.canonical import read, read_as
from minirelay.shop.objects import Account, PublicKey
from minirelay.shop.path_table import PathTable, Slot, check_presence
from minirelay.shop.work import SEARCHED_CARDS
from minirelay.shop.working_set import WorkingSet


def apply(working: WorkingSet, patch: Patch) -> None:
    """Apply a patch to an account. Raises Refusal."""
    TABLE.check_op(patch)
    account = working.accounts.edit(patch.object_id)
    check_presence(patch, account is not None)
    handler, held = TABLE.find(patch)
    handler(working, patch, account, *held)


def _write(working: WorkingSet, patch: Patch, _old: Account | None) -> None:
    working.accounts.put(patch.object_id, read(Account, patch.value))


def _remove(working: WorkingSet, patch: Patch, _account: Account) -> None:
    working.accounts.put(patch.object_id, None)


def _insert_key_card(_working: WorkingSet, patch: Patch, account: Account, index: int) -> None:
    _check_index(account, index)
    account.key_cards.insert(index, _read_key_card(patch))


def _append_key_card(_working: WorkingSet, patch: Patch, account: Account) -> None:
    account.key_cards.append(_read_key_card(patch))


def _remove_key_card(working: WorkingSet, _patch: Patch, account: Account, index: int) -> None:
    _check_index(account, index)
    # They are moved, and searched for a second one.
    working.work.spend(len(account.key_cards) // SEARCHED_CARDS)
    del account.key_cards[index]


def _check_index(account: Account, index: int) -> None:
    if index >= len(account.key_cards):
        raise invalid(f"there is no key card {index}")


def _read_key_card(patch: Patch) -> bytes:
    key_card: bytes = read_as(PublicKey, "a key card", patch.value)
    return key_card


TABLE = PathTable(
    {
        ("add",): _write,
        ("add", "KeyCards", Slot.INDEX): _insert_key_card,
        ("append", "KeyCards"): _append_key_card,
        ("replace",): _write,
        ("remove",): _remove,
        ("remove", "KeyCards", Slot.INDEX): _remove_key_card,
    },
    other_fields=("Guest",),
)
