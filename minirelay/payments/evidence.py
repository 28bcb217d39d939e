"""What is found for a request, as it is handed on to be decided about (spec 06 "What counts")."""

from typing import Final

import msgspec

from minirelay.protocol.block_id import BlockId
from minirelay.protocol.ids import UINT256_BYTES
from minirelay.shop.objects import OrderPaid
from minirelay.store.payment_rows import PaymentTransfer

MOST_AMOUNT: Final = 2 ** (8 * UINT256_BYTES) - 1
"""The most that is written of an amount; what is found may add up to more."""


class PaidIn(msgspec.Struct, frozen=True):
    """The block that a payment is in, and its transaction: 32 bytes, empty where it is not known."""

    block: BlockId
    transaction_hash: bytes = b""

    @property
    def details(self) -> OrderPaid:
        """What is written into the order."""
        return OrderPaid(block_hash=self.block.hash, tx_hash=self.transaction_hash or None)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a watcher found for a request; for the amounts and what is said of them, see `Observation`.

    paid_in: of what is settled. transfers: what to store of it; gone: what to store no more.
    is_unreadable: its token does not say what lies there. is_contradicted: one endpoint tells of a payment,
    and another one says that there is none.
    left: how much lies at the address though it was swept in a deep block: it stays there for ever.
    is_last: nothing that comes after this matters.
    """

    in_time: int = 0
    settled: int = 0
    too_late: int = 0
    has_unproven: bool = False
    is_emptied: bool = False
    is_over: bool = False
    is_moved: bool = False
    is_gone: bool = False
    paid_in: PaidIn | None = None
    transfers: tuple[PaymentTransfer, ...] = ()
    gone: tuple[PaymentTransfer, ...] = ()
    is_unreadable: bool = False
    is_contradicted: bool = False
    left: int = 0
    is_last: bool = False

    @property
    def is_told_once(self) -> bool:
        """Whether there is anything in it that is told once, and not as long as it lasts."""
        return bool(self.transfers or self.gone or self.is_moved or self.has_unproven)

    @property
    def lasting(self) -> "Evidence":
        """The same without what is told once."""
        return msgspec.structs.replace(self, transfers=(), gone=(), has_unproven=False, is_moved=False)
