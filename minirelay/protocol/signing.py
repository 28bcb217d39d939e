"""secp256k1 keys and Ethereum personal messages (EIP-191 version 0x45, spec 02 "Signature")."""

from typing import Final, Self

import coincurve
from coincurve import PublicKey
from coincurve._libsecp256k1 import ffi, lib  # type: ignore[import-not-found]
from coincurve.context import GLOBAL_CONTEXT
from coincurve.flags import EC_COMPRESSED
from Crypto.Hash import keccak

from minirelay.errors import MalformedInput

SIGNATURE_BYTES: Final = 65
PUBLIC_KEY_BYTES: Final = 33
PRIVATE_KEY_BYTES: Final = 32

CHALLENGE_BYTES: Final = 32
"""What a client signs to authenticate (spec 01)."""

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_HIGHEST_S: Final = _HALF_ORDER.to_bytes(32)
_RECOVERY_IDS: Final = {0: 0, 1: 1, 27: 0, 28: 1}

_CONTEXT: Final = GLOBAL_CONTEXT.ctx
_SIGNATURE: Final = ffi.typeof("secp256k1_ecdsa_recoverable_signature *")
_POINT: Final = ffi.typeof("secp256k1_pubkey *")
_COMPRESSED: Final = ffi.typeof("unsigned char[33]")
_SIZE: Final = ffi.typeof("size_t *")


class PrivateKey:
    """A secp256k1 private key. It never shows itself: not in its repr, not when pickled."""

    __slots__ = ("_key", "address", "public_key")

    public_key: bytes
    address: bytes

    def __init__(self, secret: bytes) -> None:
        """secret: 32 bytes, between 1 and the order of the curve. Raises MalformedInput."""
        if len(secret) != PRIVATE_KEY_BYTES:
            raise MalformedInput(f"a private key has {PRIVATE_KEY_BYTES} bytes")
        try:
            self._key = coincurve.PrivateKey(secret)
        except ValueError:
            # Not chained: nothing that knew the secret may end up in a log.
            raise MalformedInput("not a private key of secp256k1") from None
        self.public_key = self._key.public_key.format()
        self.address = address_of(self.public_key)

    @classmethod
    def from_bytes(cls, secret: bytes) -> Self:
        """Make a key from its 32 bytes. Raises MalformedInput."""
        return cls(secret)

    def sign(self, message: bytes) -> bytes:
        """Sign an Ethereum personal message.

        Returns 65 bytes r || s || v with v 27 or 28 and s in the lower half; deterministic (RFC 6979).
        """
        signature = self._key.sign_recoverable(personal_message_hash(message), hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))

    def __repr__(self) -> str:
        return f"PrivateKey(address={checksum_address(self.address)})"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not to be pickled")


def recover(message: bytes, signature: bytes) -> bytes:
    """Recover who signed an Ethereum personal message.

    signature: 65 bytes r || s || v, v 0, 1, 27 or 28. Returns the compressed public key, 33 bytes. Raises
    MalformedInput: another length or v, s in the upper half of the order (EIP-2), no such point.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise MalformedInput("a signature has 65 bytes")
    recovery_id = _RECOVERY_IDS.get(signature[64])
    if recovery_id is None:
        raise MalformedInput("recovery id is none of 0, 1, 27, 28")
    if signature[32:64] > _HIGHEST_S:
        raise MalformedInput("s is in the upper half of the curve order")
    # As `PublicKey.from_signature_and_message(...).format()`, without the objects around it.
    parsed, point = ffi.new(_SIGNATURE), ffi.new(_POINT)
    if not (
        lib.secp256k1_ecdsa_recoverable_signature_parse_compact(_CONTEXT, parsed, signature[:64], recovery_id)
        and lib.secp256k1_ecdsa_recover(_CONTEXT, point, parsed, personal_message_hash(message))
    ):
        raise MalformedInput("no public key fits the signature")
    compressed, size = ffi.new(_COMPRESSED), ffi.new(_SIZE, PUBLIC_KEY_BYTES)
    lib.secp256k1_ec_pubkey_serialize(_CONTEXT, compressed, size, point, EC_COMPRESSED)
    return bytes(ffi.buffer(compressed))


def personal_message_hash(message: bytes) -> bytes:
    """Hash a message the way wallets do before they sign it (EIP-191 version 0x45): 32 bytes."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def keccak256(data: bytes) -> bytes:
    """Hash with Ethereum's Keccak-256 (not SHA3-256): 32 bytes."""
    return keccak.new(digest_bits=256, data=data).digest()


def is_public_key(candidate: bytes) -> bool:
    """Return whether these are 33 bytes of a compressed point on the curve."""
    if len(candidate) != PUBLIC_KEY_BYTES:
        return False
    try:
        PublicKey(candidate)
    except ValueError:
        return False
    return True


def address_of(public_key: bytes) -> bytes:
    """Compute the Ethereum address, 20 bytes, of a compressed public key. Raises MalformedInput."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise MalformedInput(f"a compressed public key has {PUBLIC_KEY_BYTES} bytes")
    try:
        point = PublicKey(public_key).format(compressed=False)
    except ValueError as error:
        raise MalformedInput("not a point on the curve") from error
    return keccak256(point[1:])[12:]


def checksum_address(address: bytes) -> str:
    """Write a 20-byte address with 0x and the mixed case of EIP-55."""
    digits = address.hex()
    checks = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if check >= "8" else digit for digit, check in zip(digits, checks, strict=False)
    )
