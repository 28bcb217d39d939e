"""How blocks, transactions, receipts and logs look in JSON (the Ethereum JSON-RPC specification)."""

from collections.abc import Sequence
from typing import Any

import rlp
from eth.abc import BlockHeaderAPI, SignedTransactionAPI
from eth.vm.forks.berlin.constants import ACCESS_LIST_TRANSACTION_TYPE
from eth.vm.forks.prague.constants import SET_CODE_TRANSACTION_TYPE
from eth_bloom.bloom import BloomFilter

from minirelay.dev.chain.blockchain import CHAIN_ID, base_fee
from minirelay.dev.chain.node import decode_transaction
from minirelay.dev.chain.transactions import Log, MinedTransaction
from minirelay.protocol.signing import checksum_address

Json = dict[str, Any]


def hexed(value: bytes) -> str:
    """Write bytes."""
    return "0x" + value.hex()


def block(
    header: BlockHeaderAPI,
    transactions: Sequence[SignedTransactionAPI],
    *,
    is_full: bool,
    is_mined: bool = True,
) -> Json:
    """Write a block; one that isn't mined has no hash yet. is_full: with whole transactions, not hashes."""
    listed: list[Json] | list[str] = [hexed(t.hash) for t in transactions]
    if is_full:
        place = header if is_mined else None
        listed = [transaction(t, position, place) for position, t in enumerate(transactions)]
    fields: dict[Any, Any] = header.as_dict()
    size = len(rlp.encode(header)) + sum(len(t.encode()) for t in transactions)
    return {
        "number": hex(header.block_number),
        "hash": hexed(header.hash) if is_mined else None,
        "parentHash": hexed(header.parent_hash),
        "nonce": hexed(header.nonce) if is_mined else None,
        "sha3Uncles": hexed(header.uncles_hash),
        "logsBloom": hexed(header.bloom.to_bytes(256, "big")),
        "transactionsRoot": hexed(header.transaction_root),
        "stateRoot": hexed(header.state_root),
        "receiptsRoot": hexed(header.receipt_root),
        "miner": checksum_address(header.coinbase),
        "difficulty": hex(header.difficulty),
        "totalDifficulty": "0x0",
        "extraData": hexed(header.extra_data),
        "size": hex(size),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "mixHash": hexed(header.mix_hash),
        "baseFeePerGas": hex(base_fee(header)),
        "withdrawalsRoot": hexed(fields["withdrawals_root"]),
        "withdrawals": [],
        "blobGasUsed": hex(fields["blob_gas_used"]),
        "excessBlobGas": hex(fields["excess_blob_gas"]),
        "parentBeaconBlockRoot": hexed(fields["parent_beacon_block_root"]),
        "requestsHash": hexed(fields["requests_hash"]),
        "uncles": [],
        "transactions": listed,
    }


def transaction(tx: SignedTransactionAPI, position: int, header: BlockHeaderAPI | None) -> Json:
    """Write a transaction, with its place in a mined block or, without a header, with none."""
    kind = tx.type_id or 0
    shape: Json = {
        "hash": hexed(tx.hash),
        "type": hex(kind),
        "chainId": hex(CHAIN_ID) if tx.chain_id is None else hex(tx.chain_id),
        "nonce": hex(tx.nonce),
        "from": checksum_address(tx.sender),
        "to": checksum_address(tx.to) if tx.to else None,
        "value": hex(tx.value),
        "gas": hex(tx.gas),
        "gasPrice": hex(tx.max_fee_per_gas if header is None else effective_gas_price(tx, header)),
        "input": hexed(tx.data),
        "v": hex(tx.y_parity if kind else _legacy_v(tx)),
        "r": hex(tx.r),
        "s": hex(tx.s),
        "blockHash": None if header is None else hexed(header.hash),
        "blockNumber": None if header is None else hex(header.block_number),
        "transactionIndex": None if header is None else hex(position),
    }
    if kind >= ACCESS_LIST_TRANSACTION_TYPE:
        shape["yParity"] = hex(tx.y_parity)
        shape["accessList"] = [
            {
                "address": checksum_address(account),
                "storageKeys": [hexed(k.to_bytes(32, "big")) for k in keys],
            }
            for account, keys in tx.access_list
        ]
    if kind > ACCESS_LIST_TRANSACTION_TYPE:
        shape["maxFeePerGas"] = hex(tx.max_fee_per_gas)
        shape["maxPriorityFeePerGas"] = hex(tx.max_priority_fee_per_gas)
    if kind == SET_CODE_TRANSACTION_TYPE:
        shape["authorizationList"] = [
            {
                "chainId": hex(a.chain_id),
                "address": checksum_address(a.address),
                "nonce": hex(a.nonce),
                "yParity": hex(a.y_parity),
                "r": hex(a.r),
                "s": hex(a.s),
            }
            for a in tx.authorization_list
        ]
    return shape


def receipt(
    mined: MinedTransaction, header: BlockHeaderAPI, gas_used_so_far: int, logs: Sequence[Log]
) -> Json:
    """Write a receipt. gas_used_so_far: by this block's transactions up to and including this one."""
    tx = decode_transaction(mined.raw)
    bloom = BloomFilter()
    for entry in logs:
        bloom.extend((entry.address, *entry.topics))
    return {
        "transactionHash": hexed(mined.hash),
        "transactionIndex": hex(mined.position),
        "blockHash": hexed(header.hash),
        "blockNumber": hex(header.block_number),
        "from": checksum_address(tx.sender),
        "to": checksum_address(tx.to) if tx.to else None,
        "contractAddress": checksum_address(mined.created) if mined.created else None,
        "status": hex(mined.is_success),
        "type": hex(tx.type_id or 0),
        "gasUsed": hex(mined.gas_used),
        "cumulativeGasUsed": hex(gas_used_so_far),
        "effectiveGasPrice": hex(effective_gas_price(tx, header)),
        "logsBloom": hexed(int(bloom).to_bytes(256, "big")),
        "logs": [log(entry) for entry in logs],
    }


def log(entry: Log) -> Json:
    """Write a log of a mined block."""
    return {
        "address": checksum_address(entry.address),
        "topics": [hexed(topic) for topic in entry.topics],
        "data": hexed(entry.data),
        "blockNumber": hex(entry.block),
        "blockHash": hexed(entry.block_hash),
        "transactionHash": hexed(entry.tx_hash),
        "transactionIndex": hex(entry.tx_position),
        "logIndex": hex(entry.position),
        "removed": False,
    }


def effective_gas_price(tx: SignedTransactionAPI, header: BlockHeaderAPI) -> int:
    """Return the wei per gas that the sender paid in this block (EIP-1559)."""
    return min(tx.max_fee_per_gas, tx.max_priority_fee_per_gas + base_fee(header))


def _legacy_v(tx: SignedTransactionAPI) -> int:
    """EIP-155, or without a chain id the older 27 and 28."""
    return tx.y_parity + (27 if tx.chain_id is None else 35 + 2 * tx.chain_id)
