"""What the node is, and the ten accounts whose keys it holds: eth_chainId, eth_sign and their like."""

from typing import Any

from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.context import Context, Method, Params, address, data, members
from minirelay.dev.chain.errors import invalid_params, refused
from minirelay.dev.chain.genesis import CHAIN_ID
from minirelay.dev.chain.shapes import hexed
from minirelay.protocol.json_reading import decode_json

_KEYS = {bytes.fromhex(a.address[2:]): PrivateKey(bytes.fromhex(a.private_key[2:])) for a in ACCOUNTS}


def chain_id(_context: Context, _params: Params) -> str:
    """Return the chain's id."""
    return hex(CHAIN_ID)


def network_id(_context: Context, _params: Params) -> str:
    """Return the chain's id, in decimal as this method has it."""
    return str(CHAIN_ID)


def is_syncing(_context: Context, _params: Params) -> bool:
    """Return false: there are no peers to catch up with."""
    return False


def is_listening(_context: Context, _params: Params) -> bool:
    """Return true: it answers, so it listens."""
    return True


def client_version(_context: Context, _params: Params) -> str:
    """Return what runs here."""
    return "minirelay-dev/py-evm"


def sha3(_context: Context, params: Params) -> str:
    """Return the keccak-256 of some data."""
    return hexed(keccak(data(params[0])))


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


def accounts(_context: Context, _params: Params) -> list[str]:
    """Return the ten addresses."""
    return [account.address for account in ACCOUNTS]


def sign(_context: Context, params: Params) -> str:
    """Sign a personal message: address, then data."""
    return hexed(sign_personal(key_of(address(params[0])), data(params[1])))


def personal_sign(_context: Context, params: Params) -> str:
    """Sign a personal message: data, then address."""
    return hexed(sign_personal(key_of(address(params[1])), data(params[0])))


def sign_typed_data(_context: Context, params: Params) -> str:
    """Sign typed data (EIP-712), given as an object or as its JSON text."""
    return hexed(sign_digest(key_of(address(params[0])), _typed_data_digest(params[1])))


def _typed_data_digest(value: object) -> bytes:
    # Slow to import, and hardly ever needed.
    from eth_account.messages import encode_typed_data

    try:
        message: dict[str, Any] = dict(
            members(decode_json(value.encode(), object) if isinstance(value, str) else value)
        )
        signable = encode_typed_data(full_message=message)
    except Exception as error:
        # The library raises all kinds of errors for malformed types.
        raise invalid_params(f"malformed typed data: {error}") from error
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


METHODS: dict[str, Method] = {
    "eth_chainId": chain_id,
    "net_version": network_id,
    "eth_syncing": is_syncing,
    "net_listening": is_listening,
    "web3_clientVersion": client_version,
    "web3_sha3": sha3,
    "eth_accounts": accounts,
    "eth_requestAccounts": accounts,
    "eth_sign": sign,
    "personal_sign": personal_sign,
    "eth_signTypedData_v4": sign_typed_data,
}
