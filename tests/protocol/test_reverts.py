"""What nodes and providers answer when a contract reverts, and what only sounds like it."""

import pytest

from minirelay.protocol.reverts import is_revert

ERROR = "0x08c379a0" + f"{32:064x}" + f"{10:064x}" + b"NOT_MINTED".hex().ljust(64, "0")
PANIC = "0x4e487b71" + f"{17:064x}"
CUSTOM = "0x7e273289" + f"{5:064x}"

REVERTS: dict[str, tuple[int, str, object]] = {
    "geth": (3, "execution reverted", "0x"),
    "geth with a reason": (3, "execution reverted: NOT_MINTED", ERROR),
    "geth before 1.9.15": (-32000, "execution reverted", None),
    "geth, estimating": (-32000, "err: execution reverted (supplied gas 50000000)", None),
    "erigon": (3, "execution reverted", CUSTOM),
    "erigon, estimating": (-32000, "execution reverted", None),
    "nethermind": (-32015, "VM execution error.", "Reverted 0x7a933234"),
    "nethermind, older": (-32015, "VM execution error.", "revert"),
    "nethermind with a reason": (-32015, "VM execution error.", "revert: NOT_MINTED"),
    "nethermind 1.31": (-32015, "VM execution error.", "err: revert (supplied gas 36000000)"),
    "nethermind 1.31, custom": (-32015, "VM execution error.", "err: 0xdf2d9b42 (supplied gas 36000000)"),
    "nethermind, newest": (-32000, "execution reverted", CUSTOM),
    "nethermind, 2019": (-32015, "VM Exception while processing transaction: revert", None),
    "openethereum": (-32015, "VM execution error.", "Reverted 0x"),
    "besu": (-32000, "Execution reverted", ERROR),
    "besu with a reason": (-32000, "Execution reverted: NOT_MINTED", ERROR),
    "reth": (3, "execution reverted: NOT_MINTED", ERROR),
    "anvil": (3, "execution reverted: custom error 0x7e273289: 0000", CUSTOM),
    "hardhat": (
        -32603,
        "Error: VM Exception while processing transaction: reverted with reason string 'NOT_MINTED'",
        {"message": "…", "data": ERROR},
    ),
    "hardhat without a reason": (
        -32603,
        "VM Exception while processing transaction: reverted without a reason string",
        None,
    ),
    "hardhat, custom": (
        -32603,
        "VM Exception while processing transaction: reverted with an unrecognized custom error",
        None,
    ),
    "hardhat, no such function": (
        -32603,
        "Error: Transaction reverted: function selector was not recognized and there's no fallback function",
        None,
    ),
    "hardhat, unknown": (-32603, "Transaction reverted without a reason string", None),
    "ganache": (-32000, "VM Exception while processing transaction: revert NOT_MINTED", {"stack": "…"}),
    "ganache without a reason": (-32000, "VM Exception while processing transaction: revert", "0x"),
    "frontier": (-32603, "VM Exception while processing transaction: revert NOT_MINTED", ERROR[2:]),
    "infura": (-32000, "execution reverted: NOT_MINTED", ERROR),
    "alchemy": (3, "execution reverted: NOT_MINTED", ERROR),
    "quicknode": (3, "execution reverted: NOT_MINTED", None),
    "hedera": (3, "[Request ID: bf1be79b] execution reverted: CONTRACT_REVERT_EXECUTED", CUSTOM),
    "klaytn": (-32000, "evm: execution reverted", None),
    "rsk": (-32015, "transaction reverted", None),
    "a gateway": (-32000, 'upstream error: execution reverted: "NOT_MINTED"', None),
    "only the data, a reason": (-32603, "Internal error", ERROR),
    "only the data, a panic": (-32603, "Internal error", PANIC),
    "only the data, an error of the contract": (3, "Internal error", CUSTOM),
    "only the data, an error without arguments": (3, "", "0xdf2d9b42"),
}

OTHERS: dict[str, tuple[int, str, object]] = {
    "read-only": (-32000, "backend reverted to read-only mode", None),
    "read-only, with the code": (3, "backend reverted to read-only mode", "0x"),
    "a rate limit with the code": (3, "rate limit exceeded", None),
    "a rate limit with data": (3, "rate limit exceeded", {"retry_after": 30}),
    "a rate limit with a text": (3, "rate limit exceeded", "see https://provider.example/limits"),
    "the code alone": (3, "", None),
    "the code and empty data": (3, "execution failed", "0x"),
    "the code and a hash": (3, "try again", "0x" + "ab" * 32),
    "an upgrade": (-32603, "internal error: deployment reverted", None),
    "execution of something else": (-32000, "batch execution reverted to the fallback node", None),
    "a prefix of another word": (-32000, "execution revertedness unknown", None),
    "a reverted block": (-32000, "block reverted by a reorganisation", None),
    "transactions of a database": (-32603, "database transaction reverted", None),
    "no more gas": (-32000, "out of gas", None),
    "no more gas, ganache": (-32000, "VM Exception while processing transaction: out of gas", None),
    "no more gas, nethermind": (-32015, "VM execution error.", "err: out of gas (supplied gas 36000000)"),
    "a bad jump": (-32015, "VM execution error.", "Bad jump destination"),
    "nothing but a vm error": (-32015, "VM execution error.", None),
    "revert in the data of another error": (-32000, "header not found", "reverted"),
    "behind": (-32000, "header not found", "0x"),
    "pruned": (-32000, "missing trie node", None),
    "limits": (-32005, "limit exceeded", None),
    "internal": (-32603, "internal error", None),
    "unknown method": (-32601, "the method does not exist", None),
    "data of another code": (-32000, "try again", CUSTOM),
}


@pytest.mark.parametrize("name", REVERTS)
def test_reverts_as_nodes_and_providers_spell_them(name: str) -> None:
    assert is_revert(*REVERTS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_sounds_like_a_revert(name: str) -> None:
    assert not is_revert(*OTHERS[name])


@pytest.mark.parametrize("data", [None, 5, 1.5, True, [], {}, {"data": None}, "", "0x", "0xg", "\ud800"])
def test_data_of_any_shape(data: object) -> None:
    assert is_revert(3, "execution reverted", data)
    assert not is_revert(3, "busy", data)
