"""A relay put together: opened in order, closed in order, with the settings that it was given."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientConnectionError, ClientSession, CookieJar, UnixConnector
from web3 import Web3

from minirelay.chain.wallet import Wallet
from minirelay.client import PrivateKey, patches
from minirelay.client.errors import EnrolmentRefused, RelayRefused, UploadRefused
from minirelay.config.loading import fixed_layer, load
from minirelay.config.settings import Settings
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.errors import ConfigError
from minirelay.protocol import envelope as wire
from minirelay.relay.messages import Enrolment
from minirelay.server import serve
from minirelay.shop.objects import ChainAddress, Listing, ListingMetadata, ViewState
from minirelay.store.database import Store
from minirelay.store.errors import StoreLocked
from minirelay.web.admin_socket import socket_path
from minirelay.web.listener import Listener
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import send
from tests.operations.alerts_raised import raise_alert
from tests.payments import price_server
from tests.payments.price_server import PriceServer
from tests.raw_client import Talker, payload
from tests.relay.house import TIMEOUT_S, listing, new_key, until
from tests.system.serving import OWNER, Serving, serving


@pytest.fixture
async def relay(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[Serving]:
    async with serving(tmp_path, dev_chain, deployment) as running:
        yield running


def settings(directory: Path, chain: DevChain, contracts: Deployment, **fields: object) -> Settings:
    return load(
        fixed_layer(
            "test",
            base_url="http://localhost:4444",
            data_dir=str(directory),
            registry_chain=31337,
            chains__31337__rpc_urls=[chain.rpc_url],
            chains__31337__shop_reg=contracts.shop_reg,
            chains__31337__relay_reg=contracts.relay_reg,
            **{"admin_listen": "", **fields},
        )
    )


def a_listing(number: int) -> Listing:
    return Listing(
        id=number,
        price=100,
        metadata=ListingMetadata(title="A thing", description="To buy"),
        view_state=ViewState.PUBLISHED,
    )


async def test_a_relay_serves_enrolments_and_sessions_and_goes_on_after_a_restart(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    card = PrivateKey.from_bytes(secrets.token_bytes(32))
    async with serving(tmp_path, dev_chain, deployment) as running:
        token = running.server.relay_token
        async with running.client() as clerk:
            root = await clerk.write(patches.add_listing(a_listing(1)))
            assert len(root) == 32
        await running.server.relay.admit(Enrolment(running.shop_id, b"\x01" * 20, card.public_key, False))
    async with serving(tmp_path, dev_chain, deployment) as running:
        assert running.server.relay_token == token
        async with running.client(card) as clerk:
            await clerk.write(patches.add_listing(a_listing(2)))


async def test_stopping_answers_what_is_in_flight_and_closes_sessions(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with ClientSession() as http:
        async with serving(tmp_path, dev_chain, deployment) as running:
            key = new_key()
            await running.server.relay.admit(Enrolment(running.shop_id, b"\x01" * 20, key.public_key, False))
            url = f"{running.url}/v4/sessions"
            clerk = await Talker.connect(http, url, key=key, shop_id=running.shop_id)
            await clerk.authenticate()
            answers = [await clerk.start_write(listing(number)) for number in range(1, 30)]
            (connection,) = running.server.relay.connections
            await until(lambda: connection.session.open_requests + len(clerk.received) >= 29)
        for answer in answers:
            assert len(payload(await asyncio.wait_for(answer, TIMEOUT_S))) == 32
        assert await clerk.end() == 1001
        await clerk.close()
        with pytest.raises(ClientConnectionError):
            await http.get(running.url)
    # Everything was let go of: the directory can be opened, and what was answered is in it.
    async with await Store.open(tmp_path) as store:
        assert (await store.reader.tail(1))[1].listings == 29


async def test_one_process_holds_a_directory(
    relay: Serving, tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    listener = Listener.bind("127.0.0.1", 0)
    with pytest.raises(StoreLocked):
        async with serve(settings(tmp_path, dev_chain, deployment), relay.wallet, listener):
            raise AssertionError("two relays serve one directory")
    listener.close()
    async with ClientSession() as http, http.get(f"{relay.url}/health") as response:
        assert response.status == 200


async def test_a_relay_without_a_token_says_what_to_do(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    listener = Listener.bind("127.0.0.1", 0)
    for configured, words in (({}, "minirelay register"), ({"relay_token_id": "12345"}, "does not own")):
        wanted = settings(tmp_path, dev_chain, deployment, **configured)
        with pytest.raises(ConfigError, match=words):
            async with serve(wanted, Wallet(b"\x44" * 32), listener):
                raise AssertionError("a relay serves without a token")
    listener.close()


async def test_a_relay_without_a_base_url_does_not_start(tmp_path: Path) -> None:
    listener = Listener.bind("127.0.0.1", 0)
    with pytest.raises(ConfigError, match="base_url"):
        async with serve(Settings(data_dir=tmp_path), Wallet(b"\x44" * 32), listener):
            raise AssertionError("a relay serves without a URL")
    listener.close()
    assert not os.listdir(tmp_path)


async def test_settings_reach_the_sessions(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with (
        serving(
            tmp_path, dev_chain, deployment, limits__frame_size=1000, limits__subscriptions_per_session=1
        ) as relay,
        ClientSession() as http,
    ):
        assert relay.server.relay.limits.connection.subscriptions == 1
        socket = await http.ws_connect(f"{relay.url}/v4/sessions")
        await socket.send_bytes(wire.encode_envelope(1, wire.PatchSetWriteRequest(bytes(1000))))
        assert (await asyncio.wait_for(socket.receive(), TIMEOUT_S)).data == 1009
        await socket.close()


async def test_nobody_can_pay_on_a_development_chain_without_development_mode(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, dev_chain, deployment) as running:
        token = running.server.relay_token
    assert "nobody can pay" not in caplog.text
    wanted = settings(tmp_path, dev_chain, deployment, relay_token_id=str(token))
    async with serve(wanted, running.wallet, Listener.bind("127.0.0.1", 0)):
        assert "nobody can pay" in caplog.text


@pytest.mark.parametrize("chain_id", [324, 300, 280, 2741, 11124, 232, 50104])
async def test_a_relay_refuses_chains_on_which_payment_addresses_are_made_by_other_rules(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, chain_id: int
) -> None:
    endpoint = {f"chains__{chain_id}__rpc_urls": ["https://rpc.example"]}
    wanted = settings(tmp_path, dev_chain, deployment, **endpoint)
    listener = Listener.bind("127.0.0.1", 0)
    with pytest.raises(ConfigError, match=rf"chains\.{chain_id}: addresses of contracts .*rpc_urls away"):
        async with serve(wanted, Wallet(b"\x44" * 32), listener):
            raise AssertionError("nobody could pay there")
    listener.close()


async def test_a_relay_refuses_what_payments_can_not_be_made_with(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    wanted = settings(tmp_path, dev_chain, deployment, prices__source="fixed")
    listener = Listener.bind("127.0.0.1", 0)
    with pytest.raises(ConfigError, match=r"prices\.factor"):
        async with serve(wanted, Wallet(b"\x44" * 32), listener):
            raise AssertionError("fixed rates without a factor")
    listener.close()


async def test_prices_of_the_market_are_asked_for_with_the_key(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("CG-secret")
    key_file.chmod(0o600)
    async with price_server.running(PriceServer()) as prices:
        asking = {"prices__source": "coingecko", "prices__url": prices.url, "prices__key_file": str(key_file)}
        async with serving(tmp_path, dev_chain, deployment, **asking) as running, running.client() as clerk:
            token = ChainAddress(chain_id=31337, address=price_server.TOKEN)
            await clerk.write(patches.accept_currency(token))
            await until(lambda: bool(prices.asked))
    path, _, headers = prices.asked[0]
    assert (path, headers["x-cg-demo-api-key"]) == ("asset_platforms", "CG-secret")


async def test_chains_are_read_and_said_to_be_and_where_they_stand_is_remembered(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with serving(tmp_path, dev_chain, deployment) as running, ClientSession() as http:
        chain: dict[str, object] = {"scanned": None}
        while chain["scanned"] is None:
            async with http.get(f"{running.server.url}/ready") as response:
                assert response.status == 200
                chain = (await response.json())["chains"]["31337"]
    assert chain["head"] == chain["scanned"]
    assert chain["lag_blocks"] == 0
    async with await Store.open(tmp_path) as store:
        progress = await store.reader.chain_progress(31337)
    assert progress is not None
    assert progress.mark.scanned == chain["scanned"]


async def test_nothing_of_the_operators_is_reachable_for_clients(relay: Serving) -> None:
    store = relay.server.relay.store
    await relay.server.relay.admit(Enrolment(relay.shop_id, b"\x01" * 20, new_key().public_key, False))
    await raise_alert(store, 1)
    path = "/v1/alerts/1/acknowledge"
    async with ClientSession() as http, http.post(f"{relay.url}{path}") as answer:
        assert answer.status == 404
    assert (await store.reader.alerts()).total == 1
    with socket_path(store.path.parent) as address:
        async with ClientSession(connector=UnixConnector(address)) as http:
            async with http.post(f"http://relay{path}") as answer:
                assert answer.status == 200
            # And the other way round.
            async with http.get("http://relay/health") as answer:
                assert answer.status == 404
    assert (await store.reader.alerts()).total == 0


async def test_root_hashes_are_written_if_that_is_wanted_and_the_shop_lists_the_relay(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts
) -> None:
    async with serving(
        tmp_path, dev_chain, deployment, anchoring__enabled=True, anchoring__sets=1
    ) as running:
        owner = Web3.to_checksum_address(OWNER.address)
        send(contracts.shop_reg.functions.addRelay(running.shop_id, running.server.relay_token), owner)
        async with running.client() as clerk:
            root = await clerk.write(patches.add_listing(a_listing(1)))
        await until(lambda: contracts.shop_reg.functions.rootHashes(running.shop_id).call() == root)
        seq, _ = await running.server.relay.root_hash(running.shop_id)
        assert contracts.shop_reg.functions.nonce(running.shop_id).call() == seq


async def test_no_root_hash_is_written_by_itself(relay: Serving, contracts: Contracts) -> None:
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
    assert "StockAlerts.run" in names
    assert "AnchorRunner.run" not in names


async def alert_raised(running: Serving, kind: str) -> None:
    """Wait until there is an alert of a kind; what may be the matter is looked at every few seconds."""
    reader = running.server.relay.store.reader
    async with asyncio.timeout(TIMEOUT_S):
        while kind not in [one.kind for one in (await reader.alerts()).alerts]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_below_the_disk_floor_what_clients_send_is_refused_and_reading_goes_on(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    key = new_key()
    async with serving(tmp_path, dev_chain, deployment) as running:
        await running.server.relay.admit(Enrolment(running.shop_id, b"\x01" * 20, key.public_key, False))
        async with running.client(key) as clerk:
            await clerk.write(patches.add_listing(a_listing(1)))
    async with serving(tmp_path, dev_chain, deployment, disk_floor="1000000000GiB") as running:
        async with running.client(key) as clerk:
            with pytest.raises(RelayRefused, match="relay storage is full, try again later"):
                await clerk.write(patches.add_listing(a_listing(2)))
            async with asyncio.timeout(TIMEOUT_S), clerk.subscribe() as subscription:
                assert (await anext(subscription)).seq == 1
            with pytest.raises(UploadRefused, match="507: relay storage is full"):
                await clerk.upload_blob(b"x")
        with pytest.raises(EnrolmentRefused, match="503: relay storage is full"):
            async with running.client():
                raise AssertionError("a key card was enrolled")
        # And the relay itself can write that a person should see to it.
        await alert_raised(running, "low disk")


# -- the operator's listener


async def admin_paths(http: ClientSession, url: str) -> dict[str, int]:
    """Ask for everything that the operator's listener has; gives the answers' statuses."""
    found = {}
    for method, path in (
        ("GET", "/login"),
        ("GET", "/metrics"),
        ("GET", "/v1/session"),
        ("POST", "/v1/logout"),
        ("POST", "/v1/login-links"),
        ("POST", "/v1/alerts/1/acknowledge"),
        ("GET", "/v1/prices"),
        ("POST", "/v1/prices/accept"),
        ("POST", "/v1/payments/unswept"),
        ("POST", "/v1/payments/0x12345/sweep"),
        ("POST", "/v1/payments/0x12345/accept"),
    ):
        async with http.request(method, f"{url}{path}") as answer:
            found[path] = answer.status
    return found


async def test_the_operators_listener_is_no_clients(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with (
        serving(tmp_path, dev_chain, deployment, admin_listen="127.0.0.1:0") as running,
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
    ):
        admin_url = running.server.login_links.url
        assert admin_url is not None
        assert set((await admin_paths(http, running.url)).values()) == {404}
        assert (await admin_paths(http, admin_url))["/v1/payments/unswept"] == 401
        async with http.get(running.server.login_links.make()) as answer:
            assert answer.status == 200
        async with http.get(f"{admin_url}/v1/session") as answer:
            headers = {"Origin": admin_url, "X-CSRF-Token": (await answer.json())["csrf"]}
        async with http.post(f"{admin_url}/v1/payments/unswept", headers=headers) as answer:
            assert await answer.json() == []
        # Only who can open the data directory makes links.
        async with http.post(f"{admin_url}/v1/login-links", headers=headers) as answer:
            assert answer.status == 404
        async with http.get(f"{admin_url}/v4/sessions") as answer:
            assert answer.status == 404


async def test_a_port_that_is_taken_closes_only_a_listener_that_nobody_asked_for(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with serving(tmp_path, dev_chain, deployment) as running:
        wallet = running.wallet
    taken = Listener.bind("127.0.0.1", 0)
    taken.socket.listen()
    port = taken.socket.getsockname()[1]
    wanted = settings(tmp_path, dev_chain, deployment, admin_listen=f"127.0.0.1:{port}", development=True)
    try:
        listener = Listener.bind("127.0.0.1", 0)
        with pytest.raises(ConfigError, match=f"port {port}.*see admin_listen"):
            async with serve(wanted, wallet, listener):
                pass
        listener.close()
        origins = {name: origin for name, origin in wanted.origins.items() if name != "admin_listen"}
        unasked = msgspec.structs.replace(wanted, origins=origins)
        async with serve(unasked, wallet, Listener.bind("127.0.0.1", 0)) as server:
            # Under development it is at another port.
            assert server.login_links.url not in (None, f"http://127.0.0.1:{port}")
    finally:
        taken.close()


async def test_a_token_file_that_others_can_read_keeps_the_relay_from_starting(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with serving(tmp_path, dev_chain, deployment) as running:
        wallet = running.wallet
    token = tmp_path / "token"
    token.write_text("t" * 40)
    token.chmod(0o644)
    wanted = settings(
        tmp_path,
        dev_chain,
        deployment,
        development=True,
        admin_listen="127.0.0.1:0",
        admin_token_file=str(token),
    )
    listener = Listener.bind("127.0.0.1", 0)
    with pytest.raises(ConfigError, match=r"admin_token_file: .*chmod 600"):
        async with serve(wanted, wallet, listener):
            pass
    listener.close()
