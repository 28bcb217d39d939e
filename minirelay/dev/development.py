"""Everything that `minirelay dev` runs, started in order and stopped in order."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import open_http
from minirelay.chain.wallet import Wallet, load_wallet
from minirelay.config.loading import fixed_layer, load
from minirelay.config.money import Factor
from minirelay.config.settings import Settings
from minirelay.dev.admin.api import DevApi, Place
from minirelay.dev.admin.pages import DevPages
from minirelay.dev.chain.process import DevChain
from minirelay.dev.contract_addresses import Contracts, read_contracts
from minirelay.dev.demo_setup import DemoShop, plan_demo_shop, set_up_demo_shop
from minirelay.dev.deployment import deploy_contracts, export_contracts
from minirelay.dev.derivation import RELAY_KEY, RELAY_TOKEN
from minirelay.dev.faucet import balance_of, top_up
from minirelay.dev.registry import WritableShopReg
from minirelay.dev.running import RunningDev, announced
from minirelay.dev.sending import connect
from minirelay.errors import ConfigError
from minirelay.protocol.signing import checksum_address
from minirelay.server import Server, serve
from minirelay.store.lock import DirectoryLock
from minirelay.store.one_step import check_sqlite
from minirelay.web.admin.app import Extra
from minirelay.web.listener import Listener

LOCK_NAME = "dev.lock"
WALLET_NAME = "relay.key"
RELAY_COINS_WEI = 10 * 10**18
FEW_COINS_WEI = 10**18
LOOPBACK = ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104  (compared, not bound)


@dataclass(frozen=True, slots=True)
class DevOptions:
    """What `minirelay dev` was asked for. Ports: 0 for any. data: None for a temporary directory.

    flags: relay settings by name, from flags of the same name. accepts_loss: see `Store.open`.
    price_factor: from any currency to any other. poll_interval: of the chain; None for its default.
    """

    flags: dict[str, object]
    host: str
    port: int
    price_factor: Factor
    chain_port: int = 8545
    base_url: str | None = None
    data: Path | None = None
    accepts_loss: bool = False
    has_demo: bool = True
    block_time_s: float | None = None
    rpc_url: str | None = None
    contracts: Path | None = None
    export_to: Path | None = None
    poll_interval: str | None = None


@dataclass(frozen=True, slots=True)
class Development:
    """What is running, and what a client needs to know of it."""

    base_url: str
    rpc_url: str
    chain_id: int
    contracts: Contracts
    demo_shop: DemoShop | None
    server: Server


@asynccontextmanager
async def run_development(options: DevOptions) -> AsyncIterator[Development]:
    """Run the chain, the contracts, the relay and the demo shop while the block runs.

    Raises ConfigError, ChainError, StoreError: one line for people.
    """
    async with AsyncExitStack() as stack:
        check_sqlite()
        directory = _data_directory(options, stack)
        listener = Listener.bind(options.host, options.port, "choose another --port (0: any), or --host")
        stack.callback(listener.close)
        rpc_url = await _chain_url(options, directory, stack)
        http = await stack.enter_async_context(open_http())
        chain = await connect(http, rpc_url)
        contracts = await _contracts(options, chain, directory)
        wallet = _wallet(directory)
        await _fund(chain, checksum_address(wallet.address))
        settings = _settings(options, listener, directory, chain.chain_id, rpc_url, contracts)
        base_url = str(settings.base_url)
        demo = plan_demo_shop(directory) if options.has_demo else None
        place = Place(base_url, rpc_url, chain.chain_id, contracts, demo, checksum_address(wallet.address))
        server = await stack.enter_async_context(
            serve(
                settings,
                wallet,
                listener,
                accepts_loss=options.accepts_loss,
                new_token=RELAY_TOKEN,
                make_extra=lambda reader: Extra("dev", [DevApi(place, http, reader), DevPages()]),
            )
        )
        if demo is not None:
            registry = WritableShopReg(chain, bytes(settings.chain(chain.chain_id).shop_reg))
            await set_up_demo_shop(demo, registry, server, base_url, contracts.eddies)
        running = RunningDev(
            os.getpid(), base_url, rpc_url, chain.chain_id, contracts, str(directory.absolute())
        )
        stack.enter_context(announced(running))
        yield Development(running.base_url, rpc_url, chain.chain_id, contracts, demo, server)


def _data_directory(options: DevOptions, stack: AsyncExitStack) -> Path:
    if options.data is None:
        return Path(stack.enter_context(TemporaryDirectory(prefix="minirelay-dev-")))
    try:
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--data {options.data}: {error.strerror}") from error
    # Before the chain's database is opened, which a second one would wait for in vain.
    stack.callback(DirectoryLock(options.data, LOCK_NAME).release)
    return options.data


async def _chain_url(options: DevOptions, directory: Path, stack: AsyncExitStack) -> str:
    if options.rpc_url is not None:
        return options.rpc_url
    # Only a directory that stays is worth the disk's time.
    chain = DevChain.start(
        port=options.chain_port,
        host=options.host,
        data=None if options.data is None else directory,
        block_time_s=options.block_time_s,
        tells_events=True,
    )
    await stack.enter_async_context(chain)
    return chain.rpc_url


async def _contracts(options: DevOptions, chain: Chain, directory: Path) -> Contracts:
    if options.contracts is not None:
        return read_contracts(options.contracts)
    deployment = await deploy_contracts(chain, directory)
    if options.export_to is not None:
        export_contracts(options.export_to, deployment)
    return Contracts(**asdict(deployment))


def _wallet(directory: Path) -> Wallet:
    path = directory / WALLET_NAME
    if not path.exists():
        draft = path.with_suffix(".tmp")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(RELAY_KEY.hex() + "\n")
        draft.replace(path)
    return load_wallet(path)


async def _fund(chain: Chain, address: str) -> None:
    # Not at every start: what is kept should stay as it was.
    if await balance_of(chain, address) < FEW_COINS_WEI:
        await top_up(chain, address, RELAY_COINS_WEI)


def _settings(
    options: DevOptions,
    listener: Listener,
    directory: Path,
    chain_id: int,
    rpc_url: str,
    contracts: Contracts,
) -> Settings:
    host = "localhost" if options.host in LOOPBACK else options.host
    host = f"[{host}]" if ":" in host else host
    port = listener.socket.getsockname()[1]
    chain = f"chains.{chain_id}."
    values: dict[str, object] = {
        "base_url": options.base_url or f"http://{host}:{port}",
        "listen_host": options.host,
        "listen_port": port,
        "data_dir": str(directory),
        "registry_chain": chain_id,
        "development": True,
        # Test suites open many sessions from one address.
        "limits.connection_rate": 0,
        "limits.enrolment_rate": 0,
        "limits.sessions_per_address": 0,
        "limits.connections_per_address": 0,
        "limits.silent_connections_per_address": 0,
        chain + "rpc_urls": [rpc_url],
        chain + "shop_reg": contracts.shop_reg,
        chain + "relay_reg": contracts.relay_reg,
        chain + "payments": contracts.payments,
        # Whatever id the chain of --rpc-url has.
        chain + "development": True,
        "prices.source": "fixed",
        "prices.factor": options.price_factor,
        **options.flags,
    }
    if contracts.permit2 is not None:
        values[chain + "permit2"] = contracts.permit2
    if options.poll_interval is not None:
        values[chain + "poll_interval"] = options.poll_interval
    named = {name.replace(".", "__"): value for name, value in values.items()}
    return load(fixed_layer("minirelay dev", **named))
