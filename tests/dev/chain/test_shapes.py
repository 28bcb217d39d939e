"""What is in the answers, compared with what the transactions' own encodings say."""

from typing import Any

import rlp
from eth_account import Account as Signer
from eth_bloom.bloom import BloomFilter
from eth_hash.auto import keccak

from minirelay.dev.chain import shapes
from tests.dev.chain.asking import ALICE, BOB, GWEI, STORE, Asker, signed, store

HEADER = """
parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number
gasLimit gasUsed timestamp extraData mixHash nonce baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas
parentBeaconBlockRoot requestsHash
"""
QUANTITIES = """
difficulty number gasLimit gasUsed timestamp baseFeePerGas blobGasUsed excessBlobGas
"""
KEY = "0x" + "07" * 32


def sent(ask: Asker, raw: str) -> dict[str, Any]:
    tx: dict[str, Any] = ask("eth_getTransactionByHash", ask("eth_sendRawTransaction", raw))
    assert tx["hash"] == "0x" + keccak(bytes.fromhex(raw[2:])).hex()
    return tx


def check_signature(raw: str, tx: dict[str, Any]) -> None:
    encoded = bytes.fromhex(raw[2:])
    is_typed = encoded[0] < 0x7F
    v, r, s = (int.from_bytes(part) for part in rlp.decode(encoded[is_typed:])[-3:])
    assert (int(tx["v"], 16), int(tx["r"], 16), int(tx["s"], 16)) == (v, r, s)
    assert tx.get("yParity") == (tx["v"] if is_typed else None)


def test_transaction_of_today(ask: Asker) -> None:
    raw = signed(maxFeePerGas=5 * GWEI, maxPriorityFeePerGas=2 * GWEI)
    tx = sent(ask, raw)
    check_signature(raw, tx)
    assert tx["type"] == "0x2"
    assert (tx["maxFeePerGas"], tx["maxPriorityFeePerGas"]) == (hex(5 * GWEI), hex(2 * GWEI))
    assert int(tx["gasPrice"], 16) == 875_000_000 + 2 * GWEI
    assert tx["accessList"] == []
    assert (tx["chainId"], tx["input"]) == ("0x7a69", "0x")


def test_fee_is_capped_by_what_was_offered(ask: Asker) -> None:
    tx = sent(ask, signed(maxFeePerGas=GWEI, maxPriorityFeePerGas=GWEI))
    assert tx["gasPrice"] == hex(GWEI)
    receipt = ask("eth_getTransactionReceipt", tx["hash"])
    assert receipt["effectiveGasPrice"] == hex(GWEI)


def test_old_transaction(ask: Asker) -> None:
    for nonce, chain_id in ((0, 31337), (1, None)):
        raw = signed(nonce, gasPrice=3 * GWEI, chainId=chain_id)
        tx = sent(ask, raw)
        check_signature(raw, tx)
        assert (tx["type"], tx["gasPrice"], tx["chainId"]) == ("0x0", hex(3 * GWEI), "0x7a69")
        assert not {"accessList", "maxFeePerGas", "maxPriorityFeePerGas"} & set(tx)


def test_transaction_with_an_access_list(ask: Asker) -> None:
    access = [{"address": BOB.address, "storageKeys": [KEY]}]
    raw = signed(gasPrice=3 * GWEI, accessList=access, type=1, gas=30_000)
    tx = sent(ask, raw)
    check_signature(raw, tx)
    assert (tx["type"], tx["accessList"]) == ("0x1", access)
    assert "maxFeePerGas" not in tx


def test_transaction_that_lends_an_account_code(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    authorization = Signer.sign_authorization(
        {"chainId": 31337, "address": contract, "nonce": 1}, ALICE.private_key
    )
    raw = signed(to=ALICE.address, authorizationList=[authorization], gas=100_000)
    tx = sent(ask, raw)
    check_signature(raw, tx)
    assert tx["type"] == "0x4"
    (lent,) = tx["authorizationList"]
    assert lent == {
        "chainId": "0x7a69",
        "address": contract,
        "nonce": "0x1",
        "yParity": hex(authorization.y_parity),
        "r": hex(authorization.r),
        "s": hex(authorization.s),
    }
    assert ask("eth_getCode", ALICE.address) == "0xef0100" + contract[2:].lower()


def test_receipt_matches_its_block(ask: Asker) -> None:
    contract = ask.deploy(STORE)
    tx_hash = ask.pay(to=contract, data=store(5), value="0x0")
    receipt, block = ask("eth_getTransactionReceipt", tx_hash), ask("eth_getBlockByNumber", "latest", False)
    assert receipt["blockHash"] == receipt["logs"][0]["blockHash"] == block["hash"]
    assert receipt["blockNumber"] == block["number"] == "0x2"
    assert receipt["logsBloom"] == block["logsBloom"]
    assert receipt["gasUsed"] == receipt["cumulativeGasUsed"] == block["gasUsed"]
    assert (receipt["status"], receipt["type"], receipt["transactionIndex"]) == ("0x1", "0x2", "0x0")
    assert (receipt["from"], receipt["to"], receipt["contractAddress"]) == (ALICE.address, contract, None)
    bloom = BloomFilter(int(receipt["logsBloom"], 16))
    assert bytes.fromhex(contract[2:]) in bloom
    assert (5).to_bytes(32) in bloom
    assert (6).to_bytes(32) not in bloom


def test_block_without_logs_has_an_empty_bloom(ask: Asker) -> None:
    ask("evm_mine")
    block = ask("eth_getBlockByNumber", "latest", False)
    assert block["logsBloom"] == "0x" + "00" * 256


def test_block_has_every_field_of_its_header(ask: Asker) -> None:
    ask("evm_mine")
    block = ask("eth_getBlockByNumber", "latest", False)
    fields = [
        int(block[name], 16) if name in QUANTITIES.split() else bytes.fromhex(block[name][2:])
        for name in HEADER.split()
    ]
    assert block["hash"] == "0x" + keccak(rlp.encode(fields)).hex()
    assert int(block["size"], 16) == len(rlp.encode(fields))


def test_bytes_in_hex() -> None:
    assert shapes.hexed(b"\x00\xff") == "0x00ff"
