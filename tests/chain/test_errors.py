"""What can go wrong with a chain."""

import pytest

from minirelay.chain.errors import EndpointFailure, NodeRefused
from minirelay.errors import ChainError


def test_all_are_chain_errors() -> None:
    assert issubclass(EndpointFailure, ChainError)
    assert EndpointFailure("x").retry_after_s is None
    assert EndpointFailure("x", 3.0).retry_after_s == 3


def test_a_refusal_says_what_and_which() -> None:
    assert str(NodeRefused(-32000, "nonce too low")) == "nonce too low (code -32000)"


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [
        (3, "execution reverted: NOT_MINTED", "0x08c379a0"),
        (-32000, "execution reverted", None),
        (-32000, "Execution Reverted", None),
        (-32015, "VM execution error.", "Reverted 0x08c379a0"),
    ],
)
def test_reverts_as_nodes_spell_them(code: int, message: str, data: object) -> None:
    assert NodeRefused(code, message, data).is_revert


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32000, "header not found"),
        (3, "rate limit exceeded"),
        (-32000, "backend reverted to read-only mode"),
    ],
)
def test_other_errors_are_no_reverts(code: int, message: str) -> None:
    assert not NodeRefused(code, message, "0x").is_revert
