"""All checks together: which there are, what each is given, in which order their lines come."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from minirelay.chain.chain import Chain
from minirelay.chain.endpoint import http_endpoints, open_http
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.token_memory import OWNED_KEY
from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl
from minirelay.operations.checks.backups import check_backups
from minirelay.operations.checks.concurrently import LIMIT_S, Check, run_checks
from minirelay.operations.checks.configuration import check_settings
from minirelay.operations.checks.contracts import check_contracts
from minirelay.operations.checks.endpoints import TIMEOUT_S, check_endpoints
from minirelay.operations.checks.kept import Payee, check_payees, judge_alerts, read_payees
from minirelay.operations.checks.open_files import check_open_files
from minirelay.operations.checks.reach import check_base_url
from minirelay.operations.checks.result import Line, Result, ok
from minirelay.operations.checks.running import judge_proxy, judge_running, judge_unswept
from minirelay.operations.checks.storage import check_modes, check_room
from minirelay.operations.checks.versions import check_python, check_sqlite_version
from minirelay.operations.checks.wallet import check_balance, check_token, check_wallet
from minirelay.operations.checks.webhook import check_webhook
from minirelay.store.database import FILE_NAME, open_readonly

AskRelay = Callable[[str, str], Awaitable[Any]]
"""Asks the running relay by method and path of its operator's API; gives None if none runs.

Raises MinirelayError.
"""

NOW = "/v1/now"
UNSWEPT = "/v1/payments/unswept"


def check_versions() -> list[Result]:
    """Say whether Python and SQLite will do."""
    return [check_python(sys.version_info[:3]), check_sqlite_version(sqlite3.sqlite_version_info)]


class Diagnosis:
    """Looks at everything that these settings name, within a bounded time."""

    def __init__(self, settings: Settings, ask_relay: AskRelay, limit_s: float = LIMIT_S) -> None:
        """limit_s: what each check may take; they run beside each other."""
        self._settings = settings
        self._ask_relay = ask_relay
        self._limit_s = limit_s
        self._chains: dict[int, Chain] = {}

    async def run(self) -> list[Result]:
        """Make all checks; give their results in the order in which they are read."""
        settings = self._settings
        wallet, about_wallet = await asyncio.to_thread(check_wallet, settings)
        address = None if wallet is None else wallet.address
        async with AsyncExitStack() as parts:
            await self._open_chains(parts)
            registry = self._chains.get(settings.registry_chain)
            checks = [Check(Line.SETTINGS, self._here(about_wallet))]
            for chain_id in self._chains:
                checks.append(Check(Line.ENDPOINT, check_endpoints(chain_id, settings, time.time())))
            for chain in self._chains.values():
                checks.append(Check(Line.CONTRACTS, check_contracts(chain, settings)))
            if registry is not None:
                checks.append(Check(Line.TOKEN, self._registered(registry, address)))
            checks += [
                Check(Line.RELAY, self._running(settings.base_url)),
                Check(Line.WEBHOOK, check_webhook(settings)),
                Check(Line.UNSWEPT, self._unswept()),
                Check(Line.ALERTS, self._kept()),
            ]
            return [*check_versions(), *await run_checks(checks, self._limit_s)]

    async def _open_chains(self, parts: AsyncExitStack) -> None:
        for chain_id, one in self._settings.chains.items():
            if one.rpc_urls:
                http = await parts.enter_async_context(open_http())
                endpoints = http_endpoints(
                    one.rpc_urls, http, timeout_s=TIMEOUT_S, allows_plain=one.allow_plain_http
                )
                self._chains[chain_id] = Chain(chain_id, endpoints)

    async def _here(self, about_wallet: Result) -> Sequence[Result]:
        """Look at this machine, in a thread: disks hang, too."""
        return await asyncio.to_thread(self._look_here, about_wallet)

    def _look_here(self, about_wallet: Result) -> Sequence[Result]:
        settings = self._settings
        return [
            check_settings(settings),
            check_open_files(settings.limits),
            check_room(settings.data_dir, settings.disk_floor),
            *check_modes(settings.data_dir, settings.backup.file),
            check_backups(settings.backup, settings.data_dir, time.time()),
            about_wallet,
        ]

    async def _registered(self, registry: Chain, address: bytes | None) -> Sequence[Result]:
        settings = self._settings
        token_id = await self._token_id()
        found: list[Result] = []
        if address is not None:
            found += await check_balance(registry, address, is_registered=token_id is not None)
        reg = RelayReg(registry, bytes(settings.chain(registry.chain_id).relay_reg))
        return [*found, *await check_token(reg, token_id, address, settings.base_url)]

    async def _token_id(self) -> int | None:
        settings = self._settings
        if settings.relay_token_id is not None or not (settings.data_dir / FILE_NAME).exists():
            return settings.relay_token_id
        async with await open_readonly(settings.data_dir) as store:
            data = await store.reader.get_meta(OWNED_KEY)
        return None if data is None else int.from_bytes(data)

    async def _running(self, base_url: BaseUrl | None) -> Sequence[Result]:
        now: Mapping[str, Any] | None = await self._ask_relay("GET", NOW)
        reached = [] if base_url is None else await check_base_url(base_url, is_running=now is not None)
        if now is None:
            return [judge_running(now), *reached]
        # Asked again: the requests through the proxy tell how it forwards.
        later = await self._ask_relay("GET", NOW) or now
        return [judge_running(later), *reached, judge_proxy(later.get("proxy", {}))]

    async def _unswept(self) -> Sequence[Result]:
        unswept = await self._ask_relay("POST", UNSWEPT)
        if unswept is None:
            return [ok(Line.UNSWEPT, "only looked at while a relay runs")]
        return [judge_unswept(unswept)]

    async def _kept(self) -> Sequence[Result]:
        directory = self._settings.data_dir
        if not (directory / FILE_NAME).exists():
            return [ok(Line.ALERTS, "no database yet")]
        payees: list[Payee]
        async with await open_readonly(directory) as store:
            alerts = judge_alerts(await store.reader.alerts())
            payees = await read_payees(store.reader)
        return [alerts, *await check_payees(payees, self._chains, self._settings)]
