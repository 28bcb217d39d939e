"""The ten accounts, and signing with them: eth_accounts, eth_sign and their like."""

from typing import Any

from eth_hash.auto import keccak

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.context import Context, Method
from minirelay.dev.chain.errors import invalid_params
from minirelay.dev.chain.json_text import read_json
from minirelay.dev.chain.params import Params, address, data, members
from minirelay.dev.chain.shapes import hexed
from minirelay.dev.chain.wallet import key_of, sign_digest, sign_personal


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
            members(read_json(value.encode()) if isinstance(value, str) else value)
        )
        signable = encode_typed_data(full_message=message)
    except Exception as error:
        # The library raises all kinds of errors for malformed types.
        raise invalid_params(f"malformed typed data: {error}") from error
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


METHODS: dict[str, Method] = {
    "eth_accounts": accounts,
    "eth_requestAccounts": accounts,
    "eth_sign": sign,
    "personal_sign": personal_sign,
    "eth_signTypedData_v4": sign_typed_data,
}
