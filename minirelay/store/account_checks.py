"""Wallets whose accounts have to be compared with the chain (spec 07), as rows that outlive a restart."""

# ruff: noqa: S608 - the SQL is put together from constants of this file only

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.protocol.objects import ObjectType
from minirelay.store.batch import ROW_BYTES, Batch
from minirelay.store.bulk_insert import Kind
from minirelay.store.one_step import cut, joined, number_list, numbers, parse_numbers

_CHECKS: Final = f"""SELECT {numbers("may_be_added")}, {joined("shop_id")}, {joined("wallet")}
    FROM (SELECT * FROM account_check ORDER BY shop_id, wallet)"""
_HELD: Final = f"""SELECT {joined("key")} FROM object
    WHERE shop = (SELECT id FROM shop WHERE shop_id = ?) AND object_type = {int(ObjectType.ACCOUNT)}
    AND key IN (SELECT substr(?, value, {ADDRESS_BYTES}) FROM json_each(?))"""


class AccountCheck(msgspec.Struct, frozen=True, gc=False):
    """A wallet that an event of a shop named. may_be_added: it may get an account, not only lose it."""

    shop_id: int
    wallet: bytes
    may_be_added: bool

    @property
    def key(self) -> tuple[int, bytes]:
        """Return what tells it from others."""
        return self.shop_id, self.wallet


class AccountCheckRows(msgspec.Struct, frozen=True):
    """Checks that are to be made yet, and those that are done."""

    pending: tuple[AccountCheck, ...]
    done: tuple[AccountCheck, ...]

    @property
    def weight(self) -> int:
        """Estimate the bytes that they write."""
        rows = len(self.pending) + len(self.done)
        return rows * (UINT256_BYTES + ADDRESS_BYTES + ROW_BYTES)

    @property
    def epoch(self) -> None:
        """Return None: what a chain says holds whatever the state of a shop is."""
        return None

    def add_to(self, batch: Batch) -> None:
        """Put the rows in."""
        for one in self.pending:
            batch.put(Kind.ACCOUNT_CHECK, _key(one), one.may_be_added)
        for one in self.done:
            batch.put(Kind.NO_ACCOUNT_CHECK, _key(one))


def load_account_checks(connection: sqlite3.Connection) -> list[AccountCheck]:
    """Read all checks that are to be made yet."""
    may_be_added, shop_ids, wallets = connection.execute(_CHECKS).fetchone()
    flags = parse_numbers(may_be_added)
    shops = [int.from_bytes(one) for one in cut(shop_ids, [UINT256_BYTES] * len(flags))]
    return list(map(AccountCheck, shops, cut(wallets, [ADDRESS_BYTES] * len(flags)), map(bool, flags)))


def find_accounts(connection: sqlite3.Connection, shop_id: int, wallets: Iterable[bytes]) -> set[bytes]:
    """Return which of these wallets, 20 bytes each, have an account in a shop; none if it is not here."""
    asked = b"".join(wallets)
    places = number_list(range(1, len(asked), ADDRESS_BYTES))
    (found,) = connection.execute(_HELD, (shop_id.to_bytes(UINT256_BYTES, "big"), asked, places)).fetchone()
    return set(cut(found, [ADDRESS_BYTES] * (len(found or b"") // ADDRESS_BYTES)))


def _key(one: AccountCheck) -> tuple[bytes, bytes]:
    return one.shop_id.to_bytes(UINT256_BYTES, "big"), one.wallet
