"""Transactions of accounts whose keys are unknown: signed by a stand-in, and marked with the sender."""

from typing import Any

from eth.abc import SignedTransactionAPI, UnsignedTransactionAPI
from eth.vm.spoof import SpoofTransaction
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from minirelay.protocol.addresses import ADDRESS_BYTES

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
