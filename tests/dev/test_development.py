"""What `minirelay dev` puts together, in this process; the program itself is tested in tests/system."""

import asyncio
import stat
from pathlib import Path

import pytest

from minirelay.config.money import Factor
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.dev.development import WALLET_NAME, DevOptions, run_development
from minirelay.errors import ConfigError, StoreError
from minirelay.store import one_step

FACTOR = Factor("1500/1")


def options(chain: DevChain, **changes: object) -> DevOptions:
    given: dict[str, object] = {
        "flags": {},
        "host": "127.0.0.1",
        "port": 0,
        "chain_port": 0,
        "rpc_url": chain.rpc_url,
        "has_demo": False,
        "price_factor": FACTOR,
    }
    return DevOptions(**{**given, **changes})  # type: ignore[arg-type]


async def test_the_relay_keeps_a_wallet_of_its_own_in_a_private_file(
    dev_chain: DevChain, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with run_development(options(dev_chain, data=data)) as first:
        token = first.server.relay_token
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_IMODE((data / WALLET_NAME).stat().st_mode) == 0o600
    async with run_development(options(dev_chain, data=data)) as second:
        assert second.server.relay_token == token


async def test_a_temporary_directory_goes_with_it(dev_chain: DevChain) -> None:
    async with run_development(options(dev_chain)) as running:
        directory = running.server.relay.store.path.parent
        assert directory.exists()
    assert not directory.exists()


async def test_the_base_url_follows_the_port_unless_given(dev_chain: DevChain) -> None:
    async with run_development(options(dev_chain)) as running:
        assert running.base_url.startswith("http://localhost:")
        assert running.base_url.rpartition(":")[2] == running.server.url.rpartition(":")[2]
    async with run_development(options(dev_chain, base_url="https://relay.example")) as running:
        assert running.base_url == "https://relay.example"


async def test_a_base_url_that_is_not_ascii(dev_chain: DevChain) -> None:
    # The demo shop's key card is enrolled under this name.
    async with run_development(
        options(dev_chain, base_url="https://bücher.example", has_demo=True)
    ) as running:
        assert running.base_url == "https://xn--bcher-kva.example"
        assert running.demo_shop is not None


@pytest.mark.parametrize("content", ["", "[]", '{"ShopReg": 5}', '{"ShopReg": "0x01"}', "\x00"])
async def test_a_wrong_contracts_file_is_named(dev_chain: DevChain, tmp_path: Path, content: str) -> None:
    file = tmp_path / "contracts.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"contracts\.json"):
        async with run_development(options(dev_chain, contracts=file)):
            raise AssertionError("it started")


async def test_it_uses_the_contracts_of_a_file(
    dev_chain: DevChain, deployment: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "contracts.json"
    file.write_text(
        f'{{"ShopReg": "{deployment.shop_reg}", "RelayReg": "{deployment.relay_reg}", '
        f'"Payments": "{deployment.payments}"}}'
    )
    async with run_development(options(dev_chain, contracts=file)) as running:
        assert running.contracts.shop_reg == deployment.shop_reg
        assert running.contracts.eddies is None


async def test_being_stopped_half_way_leaves_nothing_behind(dev_chain: DevChain, tmp_path: Path) -> None:
    async def run() -> None:
        async with run_development(options(dev_chain, data=tmp_path)):
            await asyncio.Event().wait()

    for delay_s in (0.0, 0.05, 0.2):
        task = asyncio.create_task(run())
        await asyncio.sleep(delay_s)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=60)
        assert done, "it did not stop"
        assert task.cancelled()
    # nothing holds the directory any more
    async with run_development(options(dev_chain, data=tmp_path)) as running:
        assert running.server.relay_token


async def test_an_sqlite_that_is_too_old_is_told_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def check_sqlite() -> None:
        one_step.check_sqlite((3, 34, 1))

    monkeypatch.setattr("minirelay.dev.development.check_sqlite", check_sqlite)
    with pytest.raises(StoreError, match=r"SQLite 3\.34\.1; minirelay needs 3\.39"):
        async with run_development(
            DevOptions(
                {}, host="127.0.0.1", port=0, price_factor=FACTOR, chain_port=0, data=tmp_path / "data"
            )
        ):
            raise AssertionError("it started")
    assert not (tmp_path / "data").exists()
