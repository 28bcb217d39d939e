"""The operator's page on a relay with 50 shops, 10,000 orders and 200 alerts.

It is to be painted within 300 ms. Here the bound is ten times that; run with `-s`, it says what it took.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from minirelay.bench.fixtures import SHOP_ID, WALLET, Cards, enrol, new_keys, open_relay
from minirelay.bench.scenarios.orders import fill_with_orders
from minirelay.relay.messages import Enrolment
from tests.system.devtools import CHROMIUM, Tab, browsing, photograph
from tests.system.programs import command, environment
from tests.system.test_page_in_browsers import SETTLED, go, resize

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.slow,
]

SHOPS: Final = 50
ORDERS: Final = 10_000
ALERTS: Final = 200
MOST_PAINT_MS: Final = 3000
TIMEOUT_S: Final = 60
FIRST_PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
SETTINGS: Final = """
base_url = "http://127.0.0.1"
listen_port = 0
admin_listen = "127.0.0.1:0"
registry_chain = 1
relay_token_id = 1
log_format = "json"
[chains.1]
rpc_urls = ["http://127.0.0.1:1"]
"""


async def fill(data: Path) -> None:
    (clerk, *others) = new_keys(SHOPS)
    await enrol(data, Cards([clerk]))
    await fill_with_orders(data, clerk, ORDERS)
    async with open_relay(data) as relay:
        for number, key in enumerate(others, start=1):
            await relay.admit(
                Enrolment(SHOP_ID + number, number.to_bytes(20), key.public_key, is_guest=False)
            )
    with sqlite3.connect(data / "minirelay.sqlite") as database:
        database.executemany(
            "INSERT INTO alert (kind, request_ids, raised_at, detail) VALUES ('late', x'', ?, ?)",
            [(int(time.time()) - number, f"<b>{number}</b>") for number in range(ALERTS)],
        )
    database.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("much")
    asyncio.run(fill(directory / "data"))
    key = directory / "wallet.key"
    key.touch(0o600)
    key.write_text(WALLET.hex())
    (directory / "minirelay.toml").write_text(
        f'wallet_key_file = "{key}"\ndata_dir = "{directory / "data"}"\n{SETTINGS}'
    )
    return directory


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """Run a relay on it; gives a link to log in."""
    config = str(directory / "minirelay.toml")
    process = subprocess.Popen(
        command("serve", "--config", config), stderr=subprocess.PIPE, text=True, env=environment()
    )
    try:
        assert process.stderr is not None
        while json.loads(process.stderr.readline())["event"] != "serving":
            pass
        made = subprocess.run(
            command("admin", "--config", config),
            capture_output=True,
            text=True,
            env=environment(),
            timeout=TIMEOUT_S,
            check=True,
        )
        yield made.stdout.strip()
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
async def tab(data: Path, tmp_path: Path) -> AsyncIterator[Tab]:
    with serving(data) as link:
        async with browsing(tmp_path / "profile") as tab:
            await tab.do("Page.navigate", url=link)
            await tab.wait_until(f"location.pathname === '/' && {SETTLED}")
            yield tab
            assert tab.complaints == []
            assert {one.split("/")[2] for one in tab.asked if one.startswith("http")} == {link.split("/")[2]}


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_is_painted_soon_and_fits(tab: Tab, width: int, scheme: str) -> None:
    await resize(tab, width, scheme)
    took = {}
    for section in ("now", "shops", f"shops/{SHOP_ID}/orders", "payments/all", "alerts/all"):
        await tab.run(f"location.hash = '#{section}'; 0")
        await tab.do("Page.reload", ignoreCache=True)
        await tab.wait_until(f"document.readyState === 'complete' && {SETTLED} && ({FIRST_PAINT}) !== null")
        took[section] = round(await tab.run(FIRST_PAINT))
        await photograph(tab, f"much-{section.replace('/', '-')}-{width}-{scheme}")
        assert await tab.run("document.documentElement.scrollWidth") <= width, section
    print(took)
    assert max(took.values()) < MOST_PAINT_MS


async def test_all_of_it_can_be_reached(tab: Tab) -> None:
    for section, said in (
        ("shops", f"{SHOPS}"),
        (f"shops/{SHOP_ID}/orders", f"{ORDERS}"),
        ("alerts/all", f"{ALERTS}"),
    ):
        await go(tab, section)
        assert said in await tab.run("document.querySelector('main').textContent"), section
    # What an alert says of itself is text.
    assert "<b>0</b>" in await tab.run("document.querySelector('main').textContent")
    assert await tab.run("document.querySelectorAll('main b').length") == 0


if "PAGE_PICTURES" in os.environ:
    Path(os.environ["PAGE_PICTURES"]).mkdir(exist_ok=True)
