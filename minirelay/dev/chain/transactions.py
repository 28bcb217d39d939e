"""Transactions: waiting for a block, sent for accounts whose keys are unknown, mined with what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth.abc import SignedTransactionAPI, UnsignedTransactionAPI
from eth.vm.spoof import SpoofTransaction
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from minirelay.dev.chain.errors import refused
from minirelay.protocol.addresses import ADDRESS_BYTES

MAX_TRANSACTIONS = 4096
# A transaction takes the place of one with the same nonce when it pays at least this much more, in percent.
PRICE_BUMP = 10


class Pool:
    """Waiting transactions, in the order of their arrival; at most one per sender and nonce."""

    def __init__(self) -> None:
        self._by_hash: dict[bytes, SignedTransactionAPI] = {}
        self._by_sender: dict[bytes, dict[int, SignedTransactionAPI]] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def get(self, tx_hash: bytes) -> SignedTransactionAPI | None:
        """Return a waiting transaction."""
        return self._by_hash.get(tx_hash)

    def add(self, transaction: SignedTransactionAPI) -> SignedTransactionAPI | None:
        """Add one. Returns the one it takes the place of. Raises RpcError if it may not."""
        if transaction.hash in self._by_hash:
            raise refused("already known")
        waiting = self._by_sender.setdefault(transaction.sender, {})
        replaced = waiting.get(transaction.nonce)
        if replaced is None:
            if len(self._by_hash) >= MAX_TRANSACTIONS:
                raise refused("txpool is full")
        elif not _outbids(transaction, replaced):
            raise refused("replacement transaction underpriced")
        else:
            del self._by_hash[replaced.hash]
        waiting[transaction.nonce] = transaction
        self._by_hash[transaction.hash] = transaction
        return replaced

    def remove(self, transaction: SignedTransactionAPI) -> None:
        """Take one out, if it is there."""
        if self._by_hash.pop(transaction.hash, None) is not None:
            waiting = self._by_sender[transaction.sender]
            del waiting[transaction.nonce]
            if not waiting:
                del self._by_sender[transaction.sender]

    def next_nonce(self, sender: bytes, mined: int) -> int:
        """Return the first nonce of a sender that is neither mined nor waiting without a gap before it."""
        waiting = self._by_sender.get(sender, {})
        nonce = mined
        while nonce in waiting:
            nonce += 1
        return nonce

    def ready(self, mined_nonce: Callable[[bytes], int]) -> list[SignedTransactionAPI]:
        """Return what can be executed now, in the order of arrival as far as the nonces allow."""
        nonces: dict[bytes, int] = {}
        ready: list[SignedTransactionAPI] = []
        for transaction in self._by_hash.values():
            sender = transaction.sender
            nonce = nonces.get(sender)
            if nonce is None:
                nonce = mined_nonce(sender)
            if transaction.nonce == nonce:
                # Those behind it that came too early are ready too, now.
                while (following := self._by_sender[sender].get(nonce)) is not None:
                    ready.append(following)
                    nonce += 1
            nonces[sender] = nonce
        return ready

    def all(self) -> list[SignedTransactionAPI]:
        """Return everything that waits, in the order of arrival."""
        return list(self._by_hash.values())


def _outbids(new: SignedTransactionAPI, old: SignedTransactionAPI) -> bool:
    return all(
        offer * 100 >= standing * (100 + PRICE_BUMP)
        for offer, standing in (
            (new.max_fee_per_gas, old.max_fee_per_gas),
            (new.max_priority_fee_per_gas, old.max_priority_fee_per_gas),
        )
    )


# No type of transaction can begin like this (EIP-2718 goes up to 0x7f, lists begin at 0xc0).
MARK = b"\x80"


class ImpersonatedTransaction(SpoofTransaction):
    """A transaction with a sender who did not sign it."""

    def __init__(self, signed: SignedTransactionAPI, sender: bytes) -> None:
        super().__init__(signed, sender=sender, get_sender=lambda: sender)
        self._encoded = MARK + sender + signed.encode()

    def encode(self) -> bytes:
        """Return how it is kept, which no node would take."""
        return self._encoded


def sign_for(unsigned: UnsignedTransactionAPI, sender: bytes, chain_id: int) -> bytes:
    """Sign for another account. The stand-in's key follows from the sender, so that hashes differ."""
    key = PrivateKey(keccak(b"minirelay impersonates " + sender))
    return MARK + sender + unsigned.as_signed_transaction(key, chain_id=chain_id).encode()


def split_marked(raw: bytes) -> tuple[bytes, bytes] | None:
    """Return the sender and the rest of a marked transaction; None for any other."""
    if raw[:1] != MARK:
        return None
    return raw[1 : 1 + ADDRESS_BYTES], raw[1 + ADDRESS_BYTES :]


def impersonated(signed: Any, sender: bytes) -> SignedTransactionAPI:
    """Make a decoded transaction that of a sender."""
    transaction: Any = ImpersonatedTransaction(signed, sender)
    checked: SignedTransactionAPI = transaction
    return checked


@dataclass(frozen=True, slots=True)
class Log:
    """One event: 20-byte address, at most four 32-byte topics, data; position counts within the block.

    The hashes of its block and transaction come with a log that was read; they are not needed to write one.
    """

    block: int
    position: int
    tx_position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_hash: bytes = b""
    tx_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class MinedTransaction:
    """A transaction in its block, encoded, with what came of it. created: the address of a new contract."""

    hash: bytes
    block: int
    position: int
    raw: bytes
    is_success: bool
    gas_used: int
    created: bytes | None
