from tests.dev.chain.asking import Asker


def test_what_the_node_is(ask: Asker) -> None:
    assert ask("eth_chainId") == "0x7a69"
    assert ask("net_version") == "31337"
    assert ask("eth_syncing") is False
    assert ask("net_listening") is True
    assert ask("web3_clientVersion").startswith("minirelay")


def test_sha3(ask: Asker) -> None:
    empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert ask("web3_sha3", "0x") == empty
    assert ask.error("web3_sha3", "hello")[0] == -32602
    assert ask.error("web3_sha3")[0] == -32602
