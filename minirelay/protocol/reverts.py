"""Which JSON-RPC errors tell that a contract reverted a call. That is its no; nodes spell it in many ways.

Everything else a node answers is about the node. "Backend reverted to read-only mode" is no contract's word,
and neither is the code 3 alone, which gateways use for errors of their own too.
"""

import re
from typing import Final

from minirelay.protocol.answer_bounds import WORD_BYTES

EXECUTION_REVERTED: Final = 3
"""The code for a revert on which the execution APIs agree."""

_SELECTOR_BYTES: Final = 4
_STANDARD_ERRORS: Final = ("08c379a0", "4e487b71")
"""Selectors of Error(string) and Panic(uint256), with which Solidity reverts by itself."""

_BEGINNING = r"(?:^|[:\]]\s*)"
_END = r"(?=\s*(?:$|[:.,;!(\"'])|\s+(?:with|without|because|and)\b)"
_WORDS: Final = re.compile(
    # Geth and what descends from it, Erigon, Besu, Reth, Anvil, Hedera
    rf"{_BEGINNING}execution reverted{_END}"
    # Ganache, Hardhat, Frontier, older Nethermind
    r"|\bVM Exception while processing transaction: revert(?:ed)?\b"
    # Hardhat without a reason, RSK
    rf"|{_BEGINNING}transaction reverted{_END}",
    re.IGNORECASE,
)
_VM_ERROR: Final = re.compile(r"VM execution error\.?", re.IGNORECASE)
# What stands in `data` then: OpenEthereum "Reverted 0x…", Nethermind "revert", "revert: why", "err: 0x…".
_VM_DATA: Final = re.compile(
    r"(?:err:\s*)?(?:revert(?:ed)?(?:$|[\s:(])|0x[0-9a-f]{8,}(?:$|\s))",
    re.IGNORECASE,
)
_HEXADECIMAL: Final = re.compile(r"(?:0x)?((?:[0-9a-f]{2})+)", re.IGNORECASE)


def is_revert(code: int, message: str, data: object) -> bool:
    """Return whether an error (JSON-RPC 2.0, section 5.1; data: any JSON) tells that a contract reverted."""
    if _WORDS.search(message):
        return True
    if not isinstance(data, str):
        return False
    if _VM_ERROR.fullmatch(message) and _VM_DATA.match(data):
        return True
    return _is_revert_data(code, data)


def _is_revert_data(code: int, data: str) -> bool:
    """Return whether this is what a contract reverts with: a selector, and the words of its arguments."""
    match = _HEXADECIMAL.fullmatch(data)
    if match is None or len(match[1]) // 2 % WORD_BYTES != _SELECTOR_BYTES:
        return False
    return code == EXECUTION_REVERTED or match[1][: 2 * _SELECTOR_BYTES].lower() in _STANDARD_ERRORS
