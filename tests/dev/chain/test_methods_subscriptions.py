"""What needs a connection is tested in test_websocket.py."""

from tests.dev.chain.asking import Asker


def test_without_a_connection_there_is_nobody_to_be_told(ask: Asker) -> None:
    for method, params in (("eth_subscribe", ["newHeads"]), ("eth_unsubscribe", ["0x1"])):
        code, message = ask.error(method, *params)
        assert code == -32601
        assert "WebSocket" in message
