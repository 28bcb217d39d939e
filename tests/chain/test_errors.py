"""What can go wrong with a chain."""

from minirelay.chain.errors import EndpointFailure, NodeRefused
from minirelay.errors import ChainError
from minirelay.protocol.json_rpc import RpcError


def test_all_are_chain_errors() -> None:
    assert issubclass(EndpointFailure, ChainError)
    assert EndpointFailure("x").retry_after_s is None
    assert EndpointFailure("x", 3.0).retry_after_s == 3


def test_a_refusal_says_what_and_which() -> None:
    assert str(NodeRefused(RpcError(-32000, "nonce too low"))) == "nonce too low (code -32000)"
