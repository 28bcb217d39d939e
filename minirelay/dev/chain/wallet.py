"""The keys of the ten accounts, held by the node for those who don't sign themselves."""

from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.errors import refused

_KEYS = {bytes.fromhex(a.address[2:]): PrivateKey(bytes.fromhex(a.private_key[2:])) for a in ACCOUNTS}


def key_of(address: bytes) -> PrivateKey:
    """Return the private key of one of the ten accounts. Raises RpcError for any other."""
    key = _KEYS.get(address)
    if key is None:
        raise refused("unknown account")
    return key


def sign_personal(key: PrivateKey, message: bytes) -> bytes:
    """Sign a personal message (EIP-191). Returns 65 bytes, the last one 27 or 28."""
    prefix = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode()
    return sign_digest(key, keccak(prefix + message))


def sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    """Sign a 32-byte digest. Returns 65 bytes, the last one 27 or 28."""
    signature: bytes = key.sign_msg_hash(digest).to_bytes()
    return signature[:64] + bytes([signature[64] + 27])
