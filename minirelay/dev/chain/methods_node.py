"""What the node is, what gas costs, whose keys it holds: eth_chainId, eth_gasPrice and their like."""

from collections.abc import Sequence
from typing import Any

from eth.abc import BlockHeaderAPI
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.blockchain import CHAIN_ID, base_fee
from minirelay.dev.chain.context import Context, Method, Params, address, block, data, members, quantity
from minirelay.dev.chain.errors import invalid_params, refused
from minirelay.dev.chain.node import decode_transaction
from minirelay.dev.chain.shapes import Json, effective_gas_price, hexed
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


PRIORITY_FEE_WEI = 10**9
MAX_BLOCKS = 1024
MAX_PERCENTILES = 100


def gas_price(context: Context, _params: Params) -> str:
    """Return a price at which a transaction gets into the next block."""
    return hex(base_fee(context.node.chain.next_header()) + PRIORITY_FEE_WEI)


def max_priority_fee_per_gas(_context: Context, _params: Params) -> str:
    """Return the usual tip."""
    return hex(PRIORITY_FEE_WEI)


def blob_base_fee(_context: Context, _params: Params) -> str:
    """Return the least that blob gas costs: blobs are not taken here."""
    return "0x1"


def fee_history(context: Context, params: Params) -> Json:
    """Return fees, fullness and tips of the last blocks: how many, up to which, at which percentiles."""
    newest = context.header(block(params[1])).block_number
    count = min(quantity(params[0]), MAX_BLOCKS, newest + 1)
    percentiles = _percentiles(params[2] if params.has(2) else [])
    headers = [context.header(number) for number in range(newest + 1 - count, newest + 1)]
    history: Json = {
        "oldestBlock": hex(newest + 1 - count),
        "baseFeePerGas": [hex(base_fee(header)) for header in headers],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        "baseFeePerBlobGas": ["0x1"] * (count + 1),
        "blobGasUsedRatio": [0.0] * count,
    }
    history["baseFeePerGas"].append(hex(_base_fee_after(context, newest)))
    if percentiles:
        history["reward"] = [
            [hex(tip) for tip in _rewards(context, header, percentiles)] for header in headers
        ]
    return history


def _percentiles(value: object) -> Sequence[float]:
    if not isinstance(value, list) or len(value) > MAX_PERCENTILES:
        raise invalid_params(f"expected at most {MAX_PERCENTILES} percentiles")
    numbers = [p for p in value if isinstance(p, (int, float)) and not isinstance(p, bool) and 0 <= p <= 100]
    if len(numbers) != len(value) or numbers != sorted(numbers):
        raise invalid_params("expected percentiles from 0 to 100, ascending")
    return numbers


def _base_fee_after(context: Context, number: int) -> int:
    chain = context.node.chain
    if number == chain.head.block_number:
        return base_fee(chain.next_header())
    return base_fee(context.header(number + 1))


def _rewards(context: Context, header: BlockHeaderAPI, percentiles: Sequence[float]) -> list[int]:
    """Return the tips per gas at these percentiles of a block's gas."""
    mined = context.node.ledger.transactions_in(header.block_number)
    tips = sorted(
        (effective_gas_price(decode_transaction(t.raw), header) - base_fee(header), t.gas_used) for t in mined
    )
    rewards = []
    for percentile in percentiles:
        reached, tip = 0, 0
        for tip, gas_used in tips:  # noqa: B007 (the last one reached counts)
            reached += gas_used
            if reached >= header.gas_used * percentile / 100:
                break
        rewards.append(tip)
    return rewards


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
    "eth_gasPrice": gas_price,
    "eth_maxPriorityFeePerGas": max_priority_fee_per_gas,
    "eth_blobBaseFee": blob_base_fee,
    "eth_feeHistory": fee_history,
}
