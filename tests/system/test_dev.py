"""`minirelay dev` as a person or another tool's test suite meets it: a process, its output, its end."""

import asyncio
import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from web3 import Web3
from web3.types import Wei
from yarl import URL

from minirelay.client import EnrolmentRefused, KnownRelays, PrivateKey, RelayClient, RelayRefused, patches
from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.demo_shop import ITEMS
from minirelay.dev.deployment import Deployment
from minirelay.protocol.abi import load_abi
from minirelay.protocol.gaps import GAP_STEP
from minirelay.protocol.signing import checksum_address
from minirelay.shop.hamt import Hamt
from minirelay.shop.state import ShopState
from minirelay.store.database import FILE_NAME
from tests.system.programs import Program, command, environment, minirelay_dev


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as response:
        return json.load(response)


def chain_of(program: Program) -> Web3:
    return Web3(Web3.HTTPProvider(program.ready["rpc_url"]))


def relay_signer(program: Program) -> bytes:
    """Return the address of the owner of the relay's token, from the registry."""
    registry = chain_of(program).eth.contract(
        address=Web3.to_checksum_address(program.ready["contracts"]["RelayReg"]),
        abi=load_abi("RelayReg").entries,
    )
    owner = registry.functions.ownerOf(int(program.ready["relay_token_id"], 16)).call()
    return bytes.fromhex(owner[2:])


LENGTH = 6
"""Sets of the demo shop: key card, content, stock; the customer's card and orders, the relay's answer."""


async def demo_root(program: Program) -> tuple[bytes, int]:
    """Follow the demo shop to its end; return its root hash and the length of its log."""
    shop, seq = await demo_state(program)
    return shop.root_hash, seq


async def demo_content(program: Program) -> tuple[ShopState, int]:
    """Do the same without the orders: how long one may be paid depends on when it was made."""
    shop, seq = await demo_state(program)
    return msgspec.structs.replace(shop, orders=Hamt()), seq


async def demo_state(program: Program) -> tuple[ShopState, int]:
    """Follow the demo shop to its end; return its state and the length of its log."""
    demo = program.ready["demo_shop"]
    key = PrivateKey.from_bytes(bytes.fromhex(demo["key_card"]))
    relays = KnownRelays(relay_signer(program))
    async with RelayClient.connect(
        program.url, shop_id=int(demo["shop_id"]), key_card=key, relay_signers=relays
    ) as client:
        await client.authenticate()
        async with await client.follow() as follower:
            await follower.caught_up()
            assert len(follower.state.listings) == len(ITEMS)
            assert follower.tag("Coffee") is not None
            assert follower.root_hash == follower.state.root_hash
            return follower.state, follower.seq


async def test_it_says_in_one_line_what_a_client_needs() -> None:
    with minirelay_dev() as program:
        ready = program.ready
        assert set(ready) == {
            "base_url",
            "rpc_url",
            "chain_id",
            "contracts",
            "relay_token_id",
            "admin_login",
            "wallets",
            "demo_shop",
        }
        assert ready["chain_id"] == 31337
        assert set(ready["contracts"]) == {"ShopReg", "RelayReg", "Payments", "Eddies"}
        assert ready["wallets"] == [
            {"address": one.address, "private_key": one.private_key} for one in ACCOUNTS
        ]
        discovery = get(f"{program.url}/testing/discovery")
        assert discovery == {
            "status": "ok",
            "relay_token_id": ready["relay_token_id"],
            "chain_id": 31337,
        }
        assert len(ready["relay_token_id"]) == 66
        demo = ready["demo_shop"]
        assert demo["owner"] == ACCOUNTS[0].address
        assert str(int(demo["shop_id"])) == demo["shop_id"]
        assert len(await demo_root(program)) == 2

        assert program.stop(signal.SIGINT) == 0
        assert program.log.read_text() == ""


def test_the_relays_wallet_is_none_of_the_ten() -> None:
    with minirelay_dev("--no-demo") as program:
        assert program.ready["demo_shop"] is None
        assert checksum_address(relay_signer(program)) not in {one.address for one in ACCOUNTS}
        # so scripts that use the ten never race the relay for a nonce
        w3 = chain_of(program)
        assert [w3.eth.get_transaction_count(Web3.to_checksum_address(one.address)) for one in ACCOUNTS] == [
            0
        ] * len(ACCOUNTS)
        assert program.stop(signal.SIGTERM) == 0


async def test_a_kept_directory_goes_on_where_it_was_even_after_a_kill(tmp_path: Path) -> None:
    data = str(tmp_path / "kept")
    with minirelay_dev("--data", data) as program:
        first = dict(program.ready)
        root = await demo_root(program)
        w3 = chain_of(program)
        height, last = w3.eth.block_number, w3.eth.get_block("latest")["hash"]
        program.kill()
    with minirelay_dev("--data", data) as program:
        again = dict(program.ready)
        for moving in ("base_url", "rpc_url", "admin_login"):
            first.pop(moving)
            again.pop(moving)
        assert again == first
        assert await demo_root(program) == root
        w3 = chain_of(program)
        assert w3.eth.block_number == height, "something was deployed, minted or entered twice"
        assert w3.eth.get_block("latest")["hash"] == last


async def test_a_kept_relay_that_lost_its_database_says_so_and_can_go_on(tmp_path: Path) -> None:
    data = tmp_path / "kept"
    with minirelay_dev("--data", str(data)) as program:
        root, _ = await demo_content(program)
        # Its pictures are where the relay is.
        port = URL(program.url).port or 0
        assert program.stop(signal.SIGTERM) == 0
    (data / FILE_NAME).unlink()
    arguments = command("dev", "--json", "--data", str(data), "--port", "0", "--chain-port", "0")
    done = await asyncio.to_thread(
        subprocess.run, arguments, capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "data is missing" in done.stderr
    assert "--accept-loss" in done.stderr
    with minirelay_dev("--data", str(data), "--accept-loss", port=port) as program:
        # The demo shop is made again, with the same key card.
        again, seq = await demo_content(program)
        assert again == root
        assert seq > GAP_STEP
        assert program.stop(signal.SIGTERM) == 0


def test_each_fresh_one_is_the_same(tmp_path: Path) -> None:
    lasting = ("relay_token_id", "demo_shop", "contracts", "wallets", "chain_id")
    with minirelay_dev() as first, minirelay_dev("--data", str(tmp_path / "kept")) as second:
        assert {name: first.ready[name] for name in lasting} == {name: second.ready[name] for name in lasting}


async def test_it_begins_anew_on_a_chain_that_stays(dev_chain: DevChain) -> None:
    with minirelay_dev("--rpc-url", dev_chain.rpc_url) as first:
        demo, (root, _) = first.ready["demo_shop"], await demo_content(first)
        port = URL(first.url).port or 0
        assert first.stop() == 0
    with minirelay_dev("--rpc-url", dev_chain.rpc_url, port=port) as second:
        assert second.ready["demo_shop"] == demo
        assert (await demo_content(second))[0] == root


def test_the_chain_ends_with_the_relay_however_it_ends() -> None:
    with minirelay_dev("--no-demo") as program:
        w3 = chain_of(program)
        assert w3.is_connected()
        program.kill()
        # its lifeline is cut: wait for the port to close
        for _ in range(200):
            if not w3.is_connected():
                break
            signal.sigtimedwait([], 0.05)
        assert not w3.is_connected()


def test_contracts_are_exported_for_other_tools(tmp_path: Path) -> None:
    with minirelay_dev("--no-demo", "--export-contracts", str(tmp_path / "out")) as program:
        addresses = json.loads((tmp_path / "out" / "deploymentAddresses.json").read_text())
        assert addresses == program.ready["contracts"]
        names = {path.name for path in (tmp_path / "out" / "abi").iterdir()}
        assert {"ShopReg.json", "RelayReg.json", "PaymentsByAddress.json", "Eddies.json"} <= names
        abi = json.loads((tmp_path / "out" / "abi" / "PaymentsByAddress.json").read_text())
        assert "getPaymentAddress" in {entry.get("name") for entry in abi}


async def test_it_runs_on_an_existing_node_and_existing_contracts(
    dev_chain: DevChain, deployment: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "contracts.json"
    file.write_text(
        json.dumps(
            {
                "ShopReg": deployment.shop_reg,
                "RelayReg": deployment.relay_reg,
                "Payments": deployment.payments,
            }
        )
    )
    with minirelay_dev("--rpc-url", dev_chain.rpc_url, "--contracts", str(file)) as program:
        assert program.ready["rpc_url"] == dev_chain.rpc_url
        assert program.ready["contracts"] == json.loads(file.read_text())
        assert (await demo_root(program))[1] == LENGTH


def test_settings_reach_the_relay() -> None:
    flags = (
        "--no-demo",
        "--base-url",
        "https://shop.example",
        "--ping-interval",
        "250ms",
        "--block-time",
        "0.2",
    )
    scripts = ("--poll-interval", "1s", "--price-factor", "1500/1", "--kick-timeout", "5s")
    with minirelay_dev(*flags, *scripts) as program:
        assert program.ready["base_url"] == "https://shop.example"


def refused(*flags: str) -> str:
    """Run one that must not start; give the one line that it says."""
    done = subprocess.run(
        command("dev", *flags), capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    assert (done.returncode in (1, 2), done.stdout, done.stderr.count("\n")) == (True, "", 1)
    return done.stderr


def test_taken_ports_and_directories_are_named_with_what_to_do(tmp_path: Path) -> None:
    with minirelay_dev("--no-demo", "--data", str(tmp_path)) as program:
        port, chain_port = (program.ready[name].rpartition(":")[2] for name in ("base_url", "rpc_url"))
        said = refused("--port", port, "--chain-port", "0")
        assert f"port {port}: Address already in use; choose another --port" in said
        said = refused("--port", "0", "--chain-port", chain_port)
        assert f"port {chain_port}: Address already in use; choose another --chain-port" in said
        said = refused("--port", "0", "--chain-port", "0", "--data", str(tmp_path))
        assert f"{tmp_path}: in use by another minirelay (process id {program.process.pid})" in said


@contextmanager
def killing(process: "subprocess.Popen[str]") -> Iterator[None]:
    """See to it that a process has ended behind the block."""
    try:
        yield
    finally:
        process.kill()
        process.wait(30)


def test_a_closed_terminal_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = {**environment(), "TMPDIR": str(tmp_path)}
    arguments = command("dev", "--json", "--no-demo", "--port", "0", "--chain-port", "0")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=temporary)
    assert process.stdout is not None
    with process.stdout, killing(process):
        ready = json.loads(process.stdout.readline())
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
    assert list(tmp_path.iterdir()) == []
    assert not Web3(Web3.HTTPProvider(ready["rpc_url"])).is_connected()


async def test_on_a_terminal_it_says_what_is_there_and_what_happens() -> None:
    arguments = command("dev", "--port", "0", "--chain-port", "0")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment())  # noqa: ASYNC220
    assert process.stdout is not None
    lines: list[str] = []

    def read_to(words: str) -> str:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if words in line:
                return line
        raise AssertionError(lines)

    with process.stdout, killing(process):
        url = read_to("  relay  ").split()[1]
        rpc_url = read_to("  chain  ").split()[1]
        shop_id = int((read_to("shop id"), read_to(""))[1])
        key_card = read_to("  key card  ").split()[2]
        assert key_card.startswith("0x")
        read_to("Ctrl-C")
        key = PrivateKey.from_bytes(bytes.fromhex(key_card[2:]))
        async with RelayClient.connect(url, shop_id=shop_id, key_card=key) as client:
            await client.authenticate()
            await client.write(patches.set_price(7, 5))
            await asyncio.to_thread(read_to, "a write was accepted")
            with pytest.raises(RelayRefused):
                await client.write(patches.set_price(777, 5))
            await asyncio.to_thread(read_to, "a write was refused")
        stranger = PrivateKey.from_bytes(b"\1" * 32)
        async with RelayClient.connect(url, shop_id=shop_id, key_card=stranger) as client:
            wallet = PrivateKey.from_bytes(bytes.fromhex(ACCOUNTS[1].private_key[2:]))
            with pytest.raises(EnrolmentRefused):
                await client.enrol(wallet)
            await asyncio.to_thread(read_to, "an enrolment was refused")
        w3 = Web3(Web3.HTTPProvider(rpc_url))
        w3.eth.send_transaction({"to": ACCOUNTS[1].address, "value": Wei(10**18)})
        await asyncio.to_thread(read_to, "a transaction was mined")
        process.send_signal(signal.SIGINT)
        lines += process.stdout.read().splitlines()
        assert process.wait(30) == 0
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("    0x") for line in lines) == 2, "two wallets, the rest behind --wallets"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--price-factor", "0/1"], "--price-factor"),
        (["--port", "70000"], "--port"),
        (["--ping-interval", "soon"], "ping_interval"),
        (["--contracts", "/nowhere.json"], "/nowhere.json"),
        (["--rpc-url", "http://127.0.0.1:1"], "127.0.0.1:1"),
    ],
)
def test_a_wrong_flag_is_one_line_that_names_it(flags: list[str], words: str) -> None:
    done = subprocess.run(
        command("dev", "--json", "--port", "0", "--chain-port", "0", *flags),
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        check=False,
    )
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
