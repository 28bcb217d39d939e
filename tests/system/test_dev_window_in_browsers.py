"""The shop developer's window in a browser: an order is paid by a click, and strangers' texts stay texts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from web3 import Web3

from minirelay.dev.chain.process import DevChain
from minirelay.dev.demo_orders import UNPAID_ORDER
from minirelay.dev.deployment import Deployment
from minirelay.dev.development import Development, run_development
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import PAYER, send
from tests.dev.test_development import options
from tests.system.devtools import CHROMIUM, Tab, browsing, photograph
from tests.system.serving import serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

HOSTILE = "<img src=x onerror=\"document.title='it ran'\"><script>document.title='it ran'</script>"


@pytest.fixture
async def development(dev_chain: DevChain, tmp_path: Path) -> AsyncIterator[Development]:
    async with run_development(options(dev_chain, data=tmp_path / "data", has_demo=True)) as running:
        yield running


@pytest.fixture
async def tab(development: Development, tmp_path: Path) -> AsyncIterator[Tab]:
    """The window, opened with the link that `minirelay dev` prints."""
    async with browsing(tmp_path / "profile") as tab:
        url = development.server.login_links.url
        await tab.do("Page.navigate", url=development.server.login_links.make())
        await tab.wait_until("document.readyState === 'complete' && location.pathname !== '/login'")
        await tab.do("Page.navigate", url=f"{url}/dev")
        await tab.wait_until("document.querySelector('#orders button') !== null")
        await tab.wait_until("document.querySelector('#blocks strong') !== null")
        yield tab
        assert tab.complaints == []
        assert {one.split("/")[2] for one in tab.asked if one.startswith("http")} == {str(url).split("/")[2]}


def row(script: str) -> str:
    """Return what a script says of the demo order's row."""
    rows = "[...document.querySelectorAll('#orders tbody tr')]"
    return f"{rows}.find(one => one.cells[0].textContent === '{UNPAID_ORDER}').{script}"


async def test_order_is_paid_by_a_click_and_its_block_is_shown(tab: Tab) -> None:
    assert await tab.run(row("cells[3].textContent")) == "waiting"
    await tab.run(row("querySelector('select').value = 'contract'"))
    await tab.run(row("querySelector('button').click()"))
    await tab.wait_until(row("cells[3].textContent === 'paid'"))
    assert await tab.run(row("querySelector('button')")) is None
    await tab.wait_until("document.querySelector('#blocks').textContent.includes('calls Payments.pay(')")
    await tab.wait_until("document.querySelector('#blocks').textContent.includes('Payments: PaymentMade(')")


async def test_order_turns_paid_where_the_operators_page_shows_it(tab: Tab, development: Development) -> None:
    demo = development.demo_shop
    assert demo is not None
    url = f"{development.server.login_links.url}/#shops/{demo.shop_id}/orders/unpaid"
    await tab.do("Page.navigate", url=url)
    await tab.wait_until("document.querySelector('.card form') !== null")
    assert await tab.run("document.querySelector('.card .badge').textContent") == "unpaid"
    await tab.run("document.querySelector('.card form button').click()")
    await tab.wait_until("document.querySelector('.card .badge').textContent === 'paid'")
    assert await tab.run("document.querySelector('.card form')") is None


async def test_it_is_a_section_of_the_operators_page(tab: Tab, development: Development) -> None:
    await tab.do("Page.navigate", url=f"{development.server.login_links.url}/")
    await tab.wait_until("document.querySelector('nav a[href=\"#dev\"]') !== null")
    await tab.run("document.querySelector('nav a[href=\"#dev\"]').click()")
    await tab.wait_until("document.querySelector('#content #orders button') !== null")
    await tab.wait_until("document.querySelector('#content #blocks strong') !== null")


async def test_page_of_another_relay_has_no_such_section(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    data = tmp_path / "other"
    data.mkdir()
    async with (
        serving(data, dev_chain, deployment, admin_listen="127.0.0.1:0") as running,
        browsing(tmp_path / "profile") as tab,
    ):
        await tab.do("Page.navigate", url=running.server.login_links.make())
        await tab.wait_until("document.querySelector('nav a[href=\"#settings\"]') !== null")
        assert await tab.run("document.querySelector('nav a[href=\"#dev\"]')") is None


async def test_part_of_it_leaves_it_short(tab: Tab) -> None:
    await tab.run(row("querySelectorAll('select')[1].value = 'part'"))
    await tab.run(row("querySelector('input').value = '20%'"))
    await tab.run(row("querySelector('button').click()"))
    await tab.wait_until(row("cells[3].textContent === 'short'"))


async def test_what_fails_is_said(tab: Tab) -> None:
    await tab.run(row("querySelectorAll('select')[1].value = 'part'"))
    await tab.run(row("querySelector('input').value = 'half'"))
    # The browser itself notes in its console what was answered with an error.
    await tab.run(row("querySelector('button').click()"))
    await tab.wait_until("document.querySelector('.said.failed')?.textContent.includes('no percentage')")
    assert all("400" in one for one in tab.complaints)
    tab.complaints.clear()


async def test_blocks_are_made_by_a_click(tab: Tab, w3: Web3) -> None:
    head = w3.eth.block_number
    await tab.run("document.querySelector('.buttons button').click()")
    await tab.wait_until(f"document.querySelector('#blocks strong').textContent === 'Block {head + 1}'")


async def test_texts_on_the_chain_stay_texts(tab: Tab, contracts: Contracts) -> None:
    send(contracts.relay_reg.functions.mint(77, PAYER, HOSTILE), PAYER)
    await tab.wait_until("document.querySelector('#blocks').textContent.includes('onerror=')")
    assert await tab.run("document.title") == "minirelay dev"
    assert await tab.run("document.querySelectorAll('img, #section script').length") == 0


@pytest.mark.parametrize("place", ["dev", "#dev"])
async def test_it_fits_a_phone(tab: Tab, development: Development, place: str) -> None:
    await tab.do("Page.navigate", url=f"{development.server.login_links.url}/{place}")
    await tab.do(
        "Emulation.setDeviceMetricsOverride", width=360, height=640, deviceScaleFactor=1, mobile=True
    )
    await tab.wait_until("innerWidth === 360 && document.querySelector('#orders button') !== null")
    await photograph(tab, f"{'section' if '#' in place else 'window'}-of-developers-360")
    assert await tab.run("document.documentElement.scrollWidth") == 360
    # Nothing has to be scrolled sideways to pay.
    assert await tab.run("document.querySelector('#orders').scrollWidth") <= 360
    assert await tab.run("document.querySelector('#orders button').getBoundingClientRect().right") <= 360
    assert "0x" not in await tab.run(row("cells[1].textContent"))
