"""The operator's page in a browser: nothing of strangers' runs in it, and it asks nobody but its relay."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from minirelay.client import PrivateKey, RelayClient, patches
from minirelay.dev.chain.process import DevChain
from minirelay.dev.development import Development, run_development
from minirelay.operations.alert_advice import ADVICE
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.shop.issued_requests import RequestState
from minirelay.shop.objects import Listing, ListingMetadata, ViewState
from minirelay.shop.payment_alerts import PaymentAlert, PaymentAlertKind, about_request
from minirelay.store.payment_list import PaymentFilter
from minirelay.store.payment_rows import PaymentRows
from tests.dev.test_development import options
from tests.system.devtools import CHROMIUM, Tab, browsing, photograph

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

log = logging.getLogger(__name__)

RUNS: Final = (
    "\"'><img src=x onerror=\"document.title='it ran'\"><script>document.title='it ran'</script>"
    "<svg onload=\"document.title='it ran'\"></svg><a href=\"javascript:document.title='it ran'\">x</a>\u202e"
)
SECTIONS: Final = ("now", "shops", "payments", "payments/all", "alerts/all", "log", "backups", "settings")
SETTLED: Final = (
    "document.querySelector('main h1') !== null && document.querySelector('main [aria-busy]') === null"
    " && document.getElementById('status').textContent !== 'Looking…'"
)
FOREIGN_ELEMENTS: Final = (
    'document.querySelectorAll("main script, main iframe, main [onerror], main [onload], '
    "main a[href^='javascript'], main img:not([src^='/ipfs/'])\").length"
)


@pytest.fixture
async def development(dev_chain: DevChain, tmp_path: Path) -> AsyncIterator[Development]:
    async with run_development(options(dev_chain, data=tmp_path / "data", has_demo=True)) as running:
        yield running


@pytest.fixture
async def tab(development: Development, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page, logged in. It asks only its relay, and does not complain."""
    async with browsing(tmp_path / "profile") as tab:
        url = str(development.server.login_links.url)
        await tab.do("Page.navigate", url=development.server.login_links.make())
        await tab.wait_until(f"location.pathname === '/' && {SETTLED}")
        yield tab
        assert tab.complaints == []
        assert {one.split("/")[2] for one in tab.asked if one.startswith("http")} == {url.split("/")[2]}


async def go(tab: Tab, section: str) -> None:
    await tab.run(f"document.querySelector('main').replaceChildren(); location.hash = '#{section}'; 0")
    await tab.wait_until(SETTLED)


async def resize(tab: Tab, width: int, scheme: str = "light") -> None:
    await tab.do(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
    )
    await tab.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    await tab.wait_until(f"innerWidth === {width}")


def shop_sections(development: Development) -> list[str]:
    demo = development.demo_shop
    assert demo is not None
    return [f"shops/{demo.shop_id}/{view}" for view in ("listings", "tags", "orders", "log")]


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_section_is_shown_and_fits(
    tab: Tab, development: Development, width: int, scheme: str
) -> None:
    await resize(tab, width, scheme)
    for section in (*SECTIONS, *shop_sections(development)):
        await go(tab, section)
        await photograph(tab, f"{section.replace('/', '-')}-{width}-{scheme}")
        assert await tab.run("document.querySelector('main .failed:not(:empty)')?.textContent ?? ''") == ""
        assert await tab.run("document.documentElement.scrollWidth") <= width, section
    is_dark = await tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"
    assert is_dark is (scheme == "dark")


async def test_nothing_of_strangers_texts_runs(tab: Tab, development: Development) -> None:
    demo = development.demo_shop
    assert demo is not None
    card = PrivateKey.from_bytes(bytes.fromhex(demo.key_card.removeprefix("0x")))
    async with RelayClient.connect(development.base_url, shop_id=demo.shop_id, key_card=card) as client:
        await client.authenticate()
        await client.write([*patches.add_tag(RUNS), *hostile_listing()])
    log.error("%s", RUNS, extra={"file": RUNS, RUNS: RUNS})
    for section in ("now", "alerts/all", "log", *shop_sections(development)):
        await go(tab, section)
        if section.endswith(("listings", "tags", "log")):
            await tab.wait_until("document.querySelector('main').textContent.includes('onerror=')")
        assert await tab.run(FOREIGN_ELEMENTS) == 0, section
        assert await tab.run("document.title") != "it ran"
    await tab.run(f"location.hash = '#log/' + encodeURIComponent({json.dumps(RUNS)})")
    await tab.wait_until(SETTLED)
    assert "it ran" not in await tab.run("document.title")


def hostile_listing() -> list[Any]:
    metadata = ListingMetadata(title=RUNS, description=RUNS, images=["https://elsewhere.example/x.png"])
    return patches.add_listing(Listing(id=9_001, price=1, metadata=metadata, view_state=ViewState.PUBLISHED))


async def test_markup_and_code_are_refused_even_by_the_page_itself(tab: Tab) -> None:
    """So that the test above can fail only where two things fail at once."""
    tried = "document.createElement('p').innerHTML = '<b>x</b>'"
    assert await tab.run(f"(() => {{ try {{ {tried}; return false }} catch {{ return true }} }})()")
    tab.complaints.clear()


async def test_pictures_of_listings_come_from_the_same_listener(tab: Tab, development: Development) -> None:
    await go(tab, shop_sections(development)[0])
    await tab.wait_until("[...document.querySelectorAll('main img')].some(one => one.naturalWidth > 0)")


async def test_address_of_a_customer_is_shown_on_a_click_that_is_logged(
    tab: Tab, development: Development, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await go(tab, f"{shop_sections(development)[2]}/unpaid")
    await tab.wait_until("document.querySelector('main .card button') !== null")
    assert "Lovelace" not in await tab.run("document.body.textContent")
    await tab.run("document.querySelector('main .card button').click()")
    await tab.wait_until("document.body.textContent.includes('Ada Lovelace')")
    await go(tab, "log")
    await tab.wait_until("document.body.textContent.includes('address was shown')")
    assert "Lovelace" not in await tab.run("document.body.textContent")


async def test_payment_is_dismissed_only_behind_a_question(tab: Tab) -> None:
    await go(tab, "payments")
    await tab.wait_until("document.querySelector('tbody a') !== null")
    await tab.run("document.querySelector('tbody a').click()")
    dismiss = "[...document.querySelectorAll('main button')].find(one => one.textContent === 'Dismiss')"
    await tab.wait_until(f"{dismiss} !== undefined")
    await tab.run(f"{dismiss}.focus(), {dismiss}.click()")
    await tab.wait_until("document.querySelector('dialog')?.open === true")
    assert "costs nothing" in await tab.run("document.querySelector('dialog').textContent")
    assert await tab.run("document.activeElement.textContent") == "Cancel"
    await photograph(tab, "dialog")
    await tab.run("document.querySelector('dialog .strong').click()")
    await tab.wait_until("document.querySelector('main .facts .badge')?.textContent === 'dismissed'")
    assert await tab.run("document.querySelector('dialog')") is None


async def test_only_what_can_be_done_about_a_payment_is_offered(tab: Tab, development: Development) -> None:
    offered = (
        "[...document.querySelectorAll('main .tools button')].map(one => [one.textContent, one.disabled])"
    )
    (request, *_) = await development.server.relay.store.reader.list_payments(
        PaymentFilter(states=frozenset({RequestState.WAITING}))
    )
    await go(tab, f"payments/one/0x{request.request_id.hex()}")
    assert await tab.run(offered) == [["Accept", False], ["Dismiss", False], ["Nothing to send", True]]
    await tab.run("document.querySelector('main .tools button').click()")
    await tab.wait_until("document.querySelector('dialog')?.open === true")
    await tab.run("document.querySelector('dialog .strong').click()")
    await tab.wait_until("document.querySelector('main .facts .badge')?.textContent === 'paid'")
    assert await tab.run(offered) == [["Sweep", False]]
    await tab.run("document.querySelector('main .tools button').click()")
    await tab.wait_until("document.querySelector('dialog')?.open === true")
    buttons = "[...document.querySelectorAll('dialog button')].map(one => one.textContent)"
    assert await tab.run(buttons) == ["Close"]
    await tab.run("document.querySelector('dialog button').click()")
    assert await tab.run(offered) == [["Nothing to send", True]]


async def test_on_a_narrow_screen_all_sections_are_in_sight(tab: Tab) -> None:
    await resize(tab, 360)
    await go(tab, "settings")
    right = "Math.max(...[...document.querySelectorAll('nav a')].map(it => it.getBoundingClientRect().right))"
    assert await tab.run(right) <= 360
    top = "document.querySelector('{}').getBoundingClientRect().top"
    assert await tab.run(f"{top.format('#leave')} < {top.format('#status')}")
    assert "`" not in await tab.run("document.querySelector('main table').textContent")


async def test_payees_and_badges_stay_on_one_line_where_there_is_room(
    tab: Tab, development: Development
) -> None:
    await resize(tab, 1440)
    (request, *_) = await development.server.relay.store.reader.list_payments(PaymentFilter())
    await go(tab, f"payments/one/0x{request.request_id.hex()}")
    await photograph(tab, "payment-1440")
    assert await lines_of(tab, "[...document.querySelectorAll('main .facts dd')]") == 1
    await go(tab, "now")
    await tab.wait_until("document.querySelector('main .cards') !== null")
    assert await lines_of(tab, "[...document.querySelectorAll('main .cards .facts > div')]") == 1
    await go(tab, "settings")
    assert await lines_of(tab, "[...document.querySelectorAll('main .badge')]") == 1


async def lines_of(tab: Tab, elements: str) -> int:
    """Count the lines of the element that has the most."""
    height = "one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)"
    return int(await tab.run(f"Math.max(...{elements}.map(one => Math.round({height})))"))


async def test_a_chart_without_a_value_says_why(tab: Tab) -> None:
    drawn = (
        "import('/static/charts.js').then(({ chart }) => chart('x', [{ values: %s }], String).textContent)"
    )
    assert "None in this time" in await tab.run(drawn % "[null, null]")
    assert "a minute after the start" in await tab.run(drawn % "[]")


async def raise_alert(development: Development) -> PaymentAlert:
    """Tell of money that came late for a request of the demo shop."""
    store = development.server.relay.store
    (request, *_) = await store.reader.list_payments(PaymentFilter())
    alert = PaymentAlert(
        kind=PaymentAlertKind.LATE,
        place=(request.chain_id, NATIVE_COIN),
        request_id=request.request_id,
        amount=15 * 10**17,
        told_of=about_request(PaymentAlertKind.LATE, request.request_id),
    )
    for rows in PaymentRows.of(1, [], [], [alert], 1_800_000_000):
        await store.writer.commit(rows)
    return alert


async def test_an_alert_says_what_to_do_and_links_to_its_payment(tab: Tab, development: Development) -> None:
    alert = await raise_alert(development)
    await resize(tab, 360)
    await go(tab, "alerts")
    await photograph(tab, "alert-360")
    assert alert.request_id is not None
    link = f'a[href="#payments/one/0x{alert.request_id.hex()}"]'
    assert await tab.run(f"document.querySelectorAll('main .alert {link}').length") == 1
    assert await tab.run("document.querySelectorAll('main .alert a[href^=\"#payments/order/\"]').length") == 1
    told = await tab.run("document.querySelector('main .alert').textContent")
    assert "[object" not in told
    assert ADVICE["late"][1:] in told
    assert "1.5 " in told
    assert await tab.run("document.documentElement.scrollWidth") <= 360
    await tab.run("location.hash = '#now'")
    await tab.wait_until(
        f"document.querySelector('main .verdict')?.textContent.includes({json.dumps(ADVICE['late'][1:])})"
    )


async def test_keyboard_reaches_every_section(tab: Tab) -> None:
    await tab.run("document.body.focus()")
    reached = set()
    for _ in range(14):
        for kind in ("rawKeyDown", "keyUp"):
            await tab.do("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.add(await tab.run("document.activeElement.getAttribute('href')"))
    assert {"#now", "#shops", "#payments", "#alerts", "#log", "#backups", "#settings"} <= reached
    unnamed = "[...document.querySelectorAll('input, select')].filter(one => one.labels.length === 0).length"
    for section in SECTIONS:
        await go(tab, section)
        assert await tab.run(unnamed) == 0, section
        assert await tab.run("document.activeElement.id") == "content"
    assert await tab.run("document.querySelectorAll('main, header, nav, [role=status]').length") >= 4


async def test_people_who_are_not_logged_in_are_told_how(development: Development, tmp_path: Path) -> None:
    async with browsing(tmp_path / "profile") as tab:
        await tab.do("Page.navigate", url=str(development.server.login_links.url))
        await tab.wait_until("document.body?.textContent.includes('minirelay admin') === true")
