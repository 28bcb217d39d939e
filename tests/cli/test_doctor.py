import asyncio
import json
import os
import pty
import re
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from minirelay.dev.accounts import ACCOUNTS
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.cli.commands import Outcome, command, minirelay, relay_settings, serving, variables
from tests.system.proxies import PROGRAMS, free_port, proxy, until_it_listens

OTHER = ACCOUNTS[6]
SERVES = "serving"
HANGS_S = 28.0
"""Less than eight waits of 4 s one after another; much more than `doctor` takes where it asks all at once."""


@pytest.fixture
def settings(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> dict[str, str]:
    """Give the settings of a relay that is complete, and not registered yet."""
    port = free_port()
    return relay_settings(tmp_path, dev_chain, deployment) | {
        "BASE_URL": f"http://127.0.0.1:{port}",
        "LISTEN_PORT": str(port),
        "CHAINS_31337_PAYMENTS": deployment.payments,
        "CHAINS_31337_PERMIT2": deployment.permit2,
    }


@pytest.fixture
def registered(settings: dict[str, str]) -> dict[str, str]:
    """Give the settings of a relay that is registered."""
    assert minirelay("register", "--yes", **settings).code == 0
    return settings


def diagnose(settings: dict[str, str], code: int) -> dict[str, list[dict[str, Any]]]:
    """Run `doctor --json`; give its lines by their names."""
    outcome = minirelay("doctor", "--json", **settings)
    assert (outcome.code, outcome.err) == (code, ""), outcome
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(outcome.out):
        found.setdefault(one["line"], []).append(one)
    return found


def failing(found: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {line for line, results in found.items() for one in results if one["verdict"] == "fail"}


def one_of(found: dict[str, list[dict[str, Any]]], line: str) -> dict[str, Any]:
    (one,) = found[line]
    return one


def test_a_relay_that_runs_well_has_no_line_that_fails(registered: dict[str, str]) -> None:
    with serving(registered) as running:
        running.wait_for(SERVES)
        found = diagnose(registered, 0)
    for line in (
        "relay",
        "base_url",
        "websocket",
        "contracts",
        "relay token",
        "balance",
        "endpoint",
        "wallet",
    ):
        assert one_of(found, line)["verdict"] == "ok", found[line]
    assert one_of(found, "unswept")["verdict"] == "ok"


def test_without_a_running_relay_it_says_so_and_looks_at_the_rest(registered: dict[str, str]) -> None:
    found = diagnose(registered, 0)
    assert one_of(found, "relay")["verdict"] == one_of(found, "base_url")["verdict"] == "warn"
    assert one_of(found, "relay token")["verdict"] == "ok"


def test_without_settings_the_missing_ones_are_named(tmp_path: Path) -> None:
    found = diagnose({"DATA_DIR": str(tmp_path / "data")}, 1)
    assert "base_url, wallet_key_file" in one_of(found, "settings")["text"]
    assert one_of(found, "disk")["verdict"] == "ok"


def test_a_setting_that_can_not_be_read_is_a_line_that_fails(tmp_path: Path) -> None:
    found = diagnose({"LISTEN_PORT": "abc"}, 1)
    assert "listen_port" in one_of(found, "settings")["text"]
    assert one_of(found, "python")["verdict"] == "ok"


def test_the_key_of_another_wallet(registered: dict[str, str]) -> None:
    Path(registered["WALLET_KEY_FILE"]).write_text(OTHER.private_key)
    found = diagnose(registered, 1)
    assert failing(found) == {"relay token"}
    assert "belongs to" in one_of(found, "relay token")["text"]


def test_a_wallet_without_coins(settings: dict[str, str]) -> None:
    Path(settings["WALLET_KEY_FILE"]).write_text(secrets.token_hex(32))
    found = diagnose(settings, 1)
    assert failing(found) == {"balance", "relay token"}
    assert one_of(found, "balance")["remedy"].startswith("send 0.")
    assert one_of(found, "relay token")["remedy"] == "run `minirelay register`"


def test_an_endpoint_of_another_chain(settings: dict[str, str], dev_chain: DevChain) -> None:
    wrong = settings | {"REGISTRY_CHAIN": "1", "CHAINS_1_RPC_URLS": dev_chain.rpc_url}
    found = diagnose(wrong, 1)
    (one,) = [one for one in found["endpoint"] if one["verdict"] == "fail"]
    assert "is of chain 31337" in one["text"]


def test_swapped_contracts_are_named(registered: dict[str, str], deployment: Deployment) -> None:
    swapped = registered | {
        "CHAINS_31337_SHOP_REG": deployment.relay_reg,
        "CHAINS_31337_RELAY_REG": deployment.shop_reg,
        "CHAINS_31337_PAYMENTS": deployment.permit2,
        "CHAINS_31337_PERMIT2": deployment.payments,
    }
    found = diagnose(swapped, 1)
    texts = [one["text"] for one in found["contracts"]]
    for setting, wanted, there in (
        ("shop_reg", "ShopReg", "RelayReg"),
        ("relay_reg", "RelayReg", "ShopReg"),
        ("payments", "Payments", "Permit2"),
        ("permit2", "Permit2", "Payments"),
    ):
        (text,) = [one for one in texts if one.startswith(f"chains.31337.{setting} ")]
        assert f"should be {wanted}" in text
        assert text.endswith(f"is {there}")


def test_an_address_without_a_contract(registered: dict[str, str]) -> None:
    found = diagnose(registered | {"CHAINS_31337_MULTICALL": OTHER.address}, 1)
    assert (
        one_of(found, "contracts")["text"]
        == f"chains.31337.multicall: there is no Multicall3 at {OTHER.address}"
    )


def test_a_token_that_leads_elsewhere(registered: dict[str, str]) -> None:
    found = diagnose(registered | {"BASE_URL": "http://localhost:1"}, 1)
    assert "its URI is http://127.0.0.1:" in one_of(found, "relay token")["text"]


@contextmanager
def read_only(place: Path) -> Iterator[Path]:
    """Mount an empty disk that can't be written to while the block runs; skip where none can be mounted."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, timeout=20)


def test_a_directory_that_can_not_be_written_to(settings: dict[str, str], tmp_path: Path) -> None:
    with read_only(tmp_path / "disk") as place:
        found = diagnose(settings | {"DATA_DIR": str(place), "DISK_FLOOR": "0"}, 1)
    assert failing(found) == {"file modes", "relay token"}
    assert "mounted read-only" in one_of(found, "file modes")["remedy"]


def test_endpoints_and_a_base_url_that_hang_make_it_take_no_longer(settings: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hanging = settings | {"BASE_URL": url, "CHAINS_31337_RPC_URLS": " ".join([url] * 8)}
        done = subprocess.run(
            command("doctor"),
            env=variables(hanging),
            capture_output=True,
            text=True,
            timeout=HANGS_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout.count("no answer within 4 s") == 8
    assert "bug" not in done.stderr


def on_a_terminal(settings: dict[str, str]) -> str:
    """Run `doctor` on a terminal of 80 columns; give what it shows at the end."""
    ours, theirs = pty.openpty()
    environment = variables(settings) | {"COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(command("doctor"), stdin=theirs, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        shown = b""
        with suppress(OSError), open(ours, "rb", buffering=0) as terminal:
            while piece := terminal.read(4096):
                shown += piece
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r\n", "\n").rpartition("\r")[2]


def test_its_lines_fit_a_terminal_of_80_columns(settings: dict[str, str]) -> None:
    lines = on_a_terminal(settings).splitlines()
    assert any(line.startswith("ok    python ") for line in lines)
    assert [line for line in lines if len(line) > 80] == []


def test_in_a_pipe_each_result_is_one_plain_line(settings: dict[str, str]) -> None:
    outcome: Outcome = minirelay("doctor", **settings)
    lines = outcome.out.splitlines()
    assert all(re.match(r"(ok  |warn|fail)  [a-z_]+( [a-z]+)? +\S", line) for line in lines), lines
    assert "\x1b" not in outcome.out


def without_upgrade(port: int, relay: str) -> str:
    """Return settings for nginx, that forget what WebSockets need."""
    return (
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ proxy_pass http://{relay}; }} }} }}\n"
    )


@contextmanager
def bad_nginx(port: int, relay: str, directory: Path) -> Iterator[None]:
    program = PROGRAMS["nginx"]
    if program is None:
        pytest.skip("nginx is not installed")
    (directory / "nginx.conf").write_text(f"pid {directory}/pid;\n{without_upgrade(port, relay)}")
    flags = ["-c", str(directory / "nginx.conf"), "-e", str(directory / "error.log"), "-g", "daemon off;"]
    process = subprocess.Popen([program, *flags], cwd=directory, stderr=subprocess.DEVNULL)
    try:
        asyncio.run(until_it_listens(port))
        yield
    finally:
        process.terminate()
        process.wait(20)


def test_a_proxy_that_does_not_pass_upgrade_on(settings: dict[str, str], tmp_path: Path) -> None:
    port, relay = free_port(), settings["BASE_URL"].removeprefix("http://")
    behind = settings | {"BASE_URL": f"http://127.0.0.1:{port}"}
    assert minirelay("register", "--yes", **behind).code == 0
    with serving(behind) as running, bad_nginx(port, relay, tmp_path):
        running.wait_for(SERVES)
        found = diagnose(behind, 1)
    assert failing(found) == {"websocket"}
    # Not even this proxy's X-Forwarded-For is there to be seen.
    assert "without Upgrade" in one_of(found, "proxy")["text"]
    assert "Upgrade" in one_of(found, "websocket")["remedy"]


def test_a_proxy_that_is_not_trusted_is_named(settings: dict[str, str], tmp_path: Path) -> None:
    if PROGRAMS["nginx"] is None:
        pytest.skip("nginx is not installed")
    port, relay = free_port(), settings["BASE_URL"].removeprefix("http://")
    behind = settings | {"BASE_URL": f"http://127.0.0.1:{port}"}
    assert minirelay("register", "--yes", **behind).code == 0
    for trusted, verdict in (("", "warn"), ("127.0.0.1", "ok")):
        with serving(behind | {"TRUSTED_PROXIES": trusted}) as running, proxy("nginx", port, relay, tmp_path):
            running.wait_for(SERVES)
            asyncio.run(until_it_listens(port))
            found = diagnose(behind, 0)
        assert one_of(found, "websocket")["verdict"] == "ok"
        assert one_of(found, "proxy")["verdict"] == verdict
