import asyncio

import aiohttp
import pytest
from aiohttp import web

from minirelay.client import Nonces, RelayClient, patches
from minirelay.client.errors import (
    ClientError,
    ConnectionLost,
    RelayMisbehaved,
    RelayRefused,
    RelayUnreachable,
    WriteUnanswered,
)
from minirelay.client.patches import add_order, add_stock, add_tag, set_price
from minirelay.errors import Code
from minirelay.protocol.envelope import GetBlobUploadURLRequest, PatchSetWriteRequest
from minirelay.protocol.patch_set import NewPatch, open_patch_set
from tests.client.conftest import connected
from tests.client.logs import CLERK, SHOP_ID, add_listing, new_shop
from tests.client.scripted_relay import ScriptedRelay, Session, within

ROOT = bytes(range(32))


async def accept_write(session: Session) -> bytes:
    request_id, message = await session.expect(PatchSetWriteRequest)
    await session.answer(request_id, ROOT)
    return message.patch_set


class TestTheConnection:
    async def test_it_is_there_for_the_length_of_a_block(self, relay: ScriptedRelay) -> None:
        async with RelayClient.connect(relay.url, shop_id=SHOP_ID) as client:
            session = await relay.accept()
            assert client.is_connected
            assert not client.is_authenticated
        assert not client.is_connected
        await within(session.ended.wait())

    async def test_nobody_there_leaves_nothing_behind(self) -> None:
        with pytest.raises(RelayUnreachable):
            async with RelayClient.connect("http://127.0.0.1:1", shop_id=SHOP_ID):
                pass

    async def test_it_may_be_opened_and_closed_by_hand(self, relay: ScriptedRelay) -> None:
        client = RelayClient(relay.url, shop_id=SHOP_ID)
        assert not client.is_connected
        with pytest.raises(ConnectionLost, match="not connected yet"):
            await client.write_sealed(b"x")
        await client.open()
        assert client.is_connected
        await client.close()
        await client.close()

    async def test_a_given_http_session_stays_open(self, relay: ScriptedRelay) -> None:
        async with aiohttp.ClientSession() as http:
            async with RelayClient.connect(relay.url, shop_id=SHOP_ID, http=http):
                await relay.accept()
            assert not http.closed

    @pytest.mark.parametrize("suffix", ["", "/"])
    async def test_the_url_may_end_with_a_slash(self, relay: ScriptedRelay, suffix: str) -> None:
        async with RelayClient.connect(relay.url + suffix, shop_id=SHOP_ID):
            await relay.accept()

    async def test_reconnecting_authenticates_again(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            waiting = asyncio.create_task(client.wait_lost())
            await session.drop()
            await within(waiting)
            assert not client.is_connected
            again = asyncio.create_task(client.reconnect())
            await (await relay.accept()).authenticate()
            await within(again)
            assert client.is_authenticated
        await within(client.wait_lost())


class TestWriting:
    async def test_a_set_is_signed_with_the_key_card_for_the_shop(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            writing = asyncio.create_task(client.write(add_listing(1) + patches.set_price(1, 7)))
            verified = open_patch_set(await accept_write(session))
            assert await within(writing) == ROOT
            assert verified.signer == CLERK.public_key
            assert verified.header.shop_id == SHOP_ID
            assert [patch.op for patch in verified.patches] == ["add", "replace"]

    async def test_writes_side_by_side_leave_in_order_with_growing_nonces(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            count = 1100
            writes = [
                asyncio.create_task(client.write(patches.set_price(1, price))) for price in range(count)
            ]
            first, _ = await session.expect(PatchSetWriteRequest)
            sets = [open_patch_set(await accept_write(session)) for _ in range(1000)]
            await session.answer(first, ROOT)
            sets += [open_patch_set(await accept_write(session)) for _ in range(count - 1001)]
            assert await within(asyncio.gather(*writes)) == [ROOT] * count
            assert [one.patches[0].value for one in sets] == list(range(1, count))
            nonces = [one.header.key_card_nonce for one in sets]
            assert nonces == sorted(set(nonces))

    async def test_nonces_may_be_given(self, relay: ScriptedRelay) -> None:
        async with connected(relay, options={"nonces": Nonces(first=41)}) as (client, session):
            for nonce in (41, 42):
                writing = asyncio.create_task(client.write(add_listing(1)))
                assert open_patch_set(await accept_write(session)).header.key_card_nonce == nonce
                await within(writing)

    async def test_own_sets_that_come_by_are_learnt_from(self, relay: ScriptedRelay) -> None:
        log = new_shop()
        log.nonce = 900
        log.add(CLERK, add_listing(1))
        async with connected(relay, options={"nonces": Nonces(first=1)}) as (client, session):
            follower = asyncio.create_task(client.follow())
            await session.subscribe(b"\0\1", log.sets)
            await within((await within(follower)).wait_until(4))
            assert open_patch_set(client.seal(add_listing(2))).header.key_card_nonce == 902

    async def test_a_refusal_is_raised(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            writing = asyncio.create_task(client.write(patches.take_stock(7, 1)))
            request_id, _ = await session.expect(PatchSetWriteRequest)
            await session.refuse(request_id, Code.OUT_OF_STOCK, "sold out", 7)
            with pytest.raises(RelayRefused, match="OUT_OF_STOCK: sold out") as caught:
                await within(writing)
            assert caught.value.object_id == 7

    async def test_signed_sets_are_sent_as_they_are(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            sealed = client.seal(add_listing(1))
            writing = asyncio.create_task(client.write_sealed(sealed))
            assert await accept_write(session) == sealed
            assert await within(writing) == ROOT

    async def test_an_unanswered_write_can_be_sent_again(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            writing = asyncio.create_task(client.write(add_listing(1)))
            _, message = await session.expect(PatchSetWriteRequest)
            await session.drop()
            with pytest.raises(WriteUnanswered) as caught:
                await within(writing)
            assert caught.value.patch_set == message.patch_set
            again = asyncio.create_task(client.reconnect())
            session = await relay.accept()
            await session.authenticate()
            await within(again)
            writing = asyncio.create_task(client.write_sealed(caught.value.patch_set))
            assert await accept_write(session) == message.patch_set
            await within(writing)

    async def test_a_write_that_never_left_is_told_apart(self, relay: ScriptedRelay) -> None:
        nonces = Nonces()
        async with connected(relay, options={"nonces": nonces}) as (client, session):
            lost = asyncio.create_task(client.wait_lost())
            await session.drop()
            await within(lost)
            last = nonces.last
            with pytest.raises(ConnectionLost) as caught:
                await client.write(add_listing(1))
            assert not isinstance(caught.value, WriteUnanswered)
            assert nonces.last == last

    async def test_a_write_that_waited_for_its_turn_never_left(self, relay: ScriptedRelay) -> None:
        async with connected(relay) as (client, session):
            writes = [asyncio.create_task(client.write_sealed(b"%d" % number)) for number in range(1030)]
            for _ in range(1024):
                await session.expect(PatchSetWriteRequest)
            await session.drop()
            results = await within(asyncio.gather(*writes, return_exceptions=True))
            assert [type(result) for result in results] == [WriteUnanswered] * 1024 + [ConnectionLost] * 6

    @pytest.mark.parametrize("payload", [b"", bytes(31), bytes(33)])
    async def test_an_answer_that_is_no_root_ends_the_connection(
        self, relay: ScriptedRelay, payload: bytes
    ) -> None:
        async with connected(relay) as (client, session):
            writing = asyncio.create_task(client.write(add_listing(1)))
            await session.answer((await session.expect(PatchSetWriteRequest))[0], payload)
            with pytest.raises(WriteUnanswered, match="no root hash"):
                await within(writing)
            await within(session.ended.wait())
            with pytest.raises(RelayMisbehaved):
                await client.write(add_listing(1))

    @pytest.mark.parametrize("private", [add_stock(1, 5), add_order(7)], ids=["stock", "order"])
    async def test_private_patches_are_not_signed_beside_public_ones(
        self, relay: ScriptedRelay, private: list[NewPatch]
    ) -> None:
        async with connected(relay) as (client, _):
            for mixed in (set_price(1, 1) + private, private + add_tag("mugs")):
                with pytest.raises(ClientError, match="two sets"):
                    await client.write(mixed)
                with pytest.raises(ClientError, match="two sets"):
                    client.seal(mixed)
                assert len(open_patch_set(client.seal(mixed, may_reveal=True)).patches) == 2
            for unmixed in (private, private + add_stock(2, 1), set_price(1, 1) + add_tag("mugs")):
                assert client.seal(unmixed)

    async def test_visitors_do_not_write(self, relay: ScriptedRelay) -> None:
        async with connected(relay, key_card=None) as (client, session):
            with pytest.raises(ClientError, match="visitor"):
                await client.write(add_listing(1))
            with pytest.raises(ClientError, match="visitor"):
                client.seal(add_listing(1))
            assert session.requests.empty()


class TestEnrolling:
    async def test_visitors_have_nothing_to_enrol(self, relay: ScriptedRelay) -> None:
        async with connected(relay, key_card=None) as (client, _):
            with pytest.raises(ClientError, match="no key card"):
                await client.enrol(CLERK)

    async def test_before_it_is_open_it_can_ask_nothing(self) -> None:
        with pytest.raises(ClientError, match="not connected yet"):
            await RelayClient("http://127.0.0.1:1", shop_id=SHOP_ID).info()


class TestUploading:
    async def test_the_relay_says_where_to(self) -> None:
        relay = ScriptedRelay()

        async def upload(request: web.Request) -> web.Response:
            assert request.query["token"] == "secret"
            return web.json_response({"ipfs_path": "/ipfs/Qm1", "url": "http://x/ipfs/Qm1"}, status=201)

        relay.app.router.add_post("/v4/upload_blob", upload)
        async with relay.running(), connected(relay) as (client, session):
            uploading = asyncio.create_task(client.upload_blob(b"image"))
            request_id, _ = await session.expect(GetBlobUploadURLRequest)
            await session.answer(request_id, f"{relay.url}/v4/upload_blob?token=secret".encode())
            assert (await within(uploading)).ipfs_path == "/ipfs/Qm1"

    @pytest.mark.parametrize("where", [b"", b"\xff\xfe", b"not a url", b"ftp://x/y", b"http://[::1"])
    async def test_nonsense_is_nowhere(self, relay: ScriptedRelay, where: bytes) -> None:
        async with connected(relay) as (client, session):
            uploading = asyncio.create_task(client.upload_blob(b"image"))
            request_id, _ = await session.expect(GetBlobUploadURLRequest)
            await session.answer(request_id, where)
            with pytest.raises(RelayUnreachable):
                await within(uploading)
