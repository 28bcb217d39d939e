import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DATABASE_NAME, ChainStartError, DevChain

ALICE, BOB = ACCOUNTS[:2]
MOST_STOP_S = 20.0


def ask(chain: DevChain, method: str, *params: object) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(chain.rpc_url, body, timeout=20) as response:
        return json.load(response)["result"]


def pay(chain: DevChain) -> str:
    tx_hash: str = ask(
        chain, "eth_sendTransaction", {"from": ALICE.address, "to": BOB.address, "value": "0x1"}
    )
    return tx_hash


def blocks(chain: DevChain) -> list[dict[str, Any]]:
    head = int(ask(chain, "eth_blockNumber"), 16)
    return [ask(chain, "eth_getBlockByNumber", hex(number), True) for number in range(head + 1)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int, timeout_s: float = 5) -> None:
    deadline = time.monotonic() + timeout_s
    while is_alive(pid):
        assert time.monotonic() < deadline, "the chain outlives its parent"
        time.sleep(0.01)


async def test_chain_starts_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random.py").write_text("raise RuntimeError('this is not the module you are looking for')")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with DevChain.start(port=port) as chain:
        assert chain.rpc_url == f"http://127.0.0.1:{port}"
        assert chain.is_running
        assert await asyncio.to_thread(ask, chain, "eth_chainId") == "0x7a69"
        await asyncio.to_thread(pay, chain)
        pid = chain.pid
        start = time.monotonic()
    assert time.monotonic() - start < MOST_STOP_S
    assert not chain.is_running
    assert not is_alive(pid)
    assert os.listdir(tmp_path) == ["random.py"], "without a directory nothing is kept"


def test_taken_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chain = DevChain.start(port=taken.getsockname()[1])
        with pytest.raises(
            ChainStartError, match="Address already in use; choose another --chain-port"
        ) as caught:
            chain.wait_ready()
    assert "\n" not in str(caught.value)
    assert not chain.is_running


async def test_start_that_is_cancelled_leaves_nothing() -> None:
    chain = DevChain.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), chain:
            pass
    assert not chain.is_running


def test_start_has_a_limit() -> None:
    chain = DevChain.start()
    with pytest.raises(ChainStartError, match="too long"):
        chain.wait_ready(0.001)
    assert not chain.is_running


def test_clock_can_make_the_blocks_and_the_host_can_be_chosen() -> None:
    with DevChain.start(host="::1", block_time_s=0.05) as chain:
        assert chain.rpc_url == f"http://[::1]:{chain.port}"
        tx_hash = pay(chain)
        deadline = time.monotonic() + 20
        while ask(chain, "eth_getTransactionReceipt", tx_hash) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])
def test_a_chain_on_all_addresses_names_one_to_go_to(host: str, shown: str) -> None:
    with DevChain.start(host=host) as chain:
        assert chain.rpc_url == f"http://{shown}:{chain.port}"
        assert ask(chain, "eth_chainId") == "0x7a69"


# What is kept


def kill_while_mining(chain: DevChain) -> None:
    request = {"from": ALICE.address, "to": BOB.address, "value": "0x1", "gas": "0x5208"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": [request]}
    content = json.dumps(body).encode()
    with socket.create_connection(("127.0.0.1", chain.port)) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        )
        # Long enough to have begun, as likely as not, and too short to be done.
        time.sleep(0.005)
        os.kill(chain.pid, signal.SIGKILL)
    chain.stop()


def test_kept_chain_goes_on_after_a_stop_and_after_a_kill(tmp_path: Path) -> None:
    with DevChain.start(data=tmp_path) as chain:
        ask(chain, "evm_increaseTime", 10_000)
        for _ in range(5):
            pay(chain)
        first = blocks(chain)
    killed = DevChain.start(data=tmp_path)
    killed.wait_ready()
    assert blocks(killed) == first
    pay(killed)
    second = blocks(killed)
    kill_while_mining(killed)
    with DevChain.start(data=tmp_path) as chain:
        third = blocks(chain)
        pay(chain)
        newest = blocks(chain)[-1]
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    # One more block may have been mined, whose answer the kill cut off.
    assert len(third) <= len(second) + 1
    assert newest["parentHash"] == third[-1]["hash"]
    assert int(newest["timestamp"], 16) > time.time() + 9_000, "the clock's offset is kept"


def test_two_chains_do_not_share_a_directory(tmp_path: Path) -> None:
    with DevChain.start(data=tmp_path) as first:
        pay(first)
        second = DevChain.start(data=tmp_path)
        with pytest.raises(ChainStartError, match="database is locked"):
            second.wait_ready()
        pay(first)
    assert (tmp_path / DATABASE_NAME).exists()


# The end of the parent

PARENT = """
import sys, time
from minirelay.dev.chain.process import DevChain
chain = DevChain.start()
chain.wait_ready()
print(chain.pid, chain.port, flush=True)
sys.stdin.read()
"""


def start_parent() -> tuple["subprocess.Popen[str]", int, int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, port = parent.stdout.readline().split()
    return parent, int(pid), int(port)


def test_chain_ends_with_its_parent() -> None:
    # The parent ends in good order, but without a word to the chain.
    parent, pid, _ = start_parent()
    with parent:
        assert is_alive(pid)
        parent.communicate(timeout=5)
        wait_until_gone(pid)


def test_busy_chain_ends_with_a_parent_that_is_killed() -> None:
    parent, pid, port = start_parent()
    with parent, socket.create_connection(("127.0.0.1", port)) as connection:
        # Code that runs in circles until its 30 million gas are used up, which takes a while.
        content = b'{"id":1,"method":"eth_call","params":[{"data":"0x5b5f56"}]}'
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        )
        time.sleep(0.2)
        parent.kill()
        parent.wait(5)
        wait_until_gone(pid)
