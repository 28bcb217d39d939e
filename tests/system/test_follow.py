"""The client against a relay that serves: it follows what others write, whatever breaks."""

import asyncio
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from minirelay.client import (
    Backoff,
    Follower,
    NewPatch,
    Position,
    PrivateKey,
    ReceivedSet,
    RegistryRelays,
    RelayClient,
    RelayRefused,
    UntrustedSigner,
    WriteUnanswered,
    patches,
)
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.errors import Code
from minirelay.protocol.cbor import Value
from minirelay.protocol.signing import address_of
from minirelay.shop.access import Role
from minirelay.shop.objects import Listing, ListingMetadata, OrderedItem, ViewState
from tests.system import recorder
from tests.system.crossing import Crossing
from tests.system.programs import environment
from tests.system.serving import OWNER, OWNER_KEY, Serving, serving

WAIT_S = 30.0
QUICK = Backoff(first_s=0.02, most_s=0.2)
KIB = 1024


@pytest.fixture
async def relay(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[Serving]:
    async with serving(tmp_path, dev_chain, deployment, ping_interval="250ms", kick_timeout="2s") as running:
        yield running


@pytest.fixture
def registry(relay: Serving, dev_chain: DevChain, deployment: Deployment) -> RegistryRelays:
    return registry_of(relay, dev_chain, deployment)


def new_key() -> PrivateKey:
    return PrivateKey.from_bytes(secrets.token_bytes(32))


async def enrol(relay: Serving, *, guest: bool = False) -> PrivateKey:
    """Enrol a new key card and give it back."""
    key = new_key()
    async with RelayClient.connect(relay.url, shop_id=relay.shop_id, key_card=key) as client:
        await client.enrol(OWNER_KEY, guest=guest)
    return key


@asynccontextmanager
async def joined(
    relay: Serving, key: PrivateKey, registry: RegistryRelays, url: str = "", buffer_bytes: int = 10**7
) -> AsyncIterator[RelayClient]:
    async with RelayClient.connect(
        url or relay.url,
        shop_id=relay.shop_id,
        key_card=key,
        relay_signers=registry,
        backoff=QUICK,
        buffer_bytes=buffer_bytes,
    ) as client:
        await client.authenticate()
        yield client


def listing(number: int, description: str = "A thing.") -> Listing:
    return Listing(
        id=number,
        price=100,
        metadata=ListingMetadata(title=f"Thing {number}", description=description),
        view_state=ViewState.PUBLISHED,
    )


async def reached(follower: Follower, root_hash: bytes) -> None:
    async with asyncio.timeout(WAIT_S):
        await follower.wait_for_root(root_hash)


class Recorder:
    """The recording program, to be killed and started again."""

    def __init__(
        self, relay: Serving, key: bytes, chain: DevChain, contracts: Deployment, path: Path
    ) -> None:
        self.path = path
        self._command = [
            sys.executable,
            "-m",
            recorder.__name__,
            relay.url,
            str(relay.shop_id),
            key.hex(),
            chain.rpc_url,
            contracts.shop_reg,
            contracts.relay_reg,
            str(relay.server.relay_token),
            str(path),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, env=environment())

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, "it ended by itself"
        self._process.kill()
        self._process.wait(WAIT_S)

    async def has_recorded(self, count: int) -> None:
        """Wait until so many sets are in the file."""
        async with asyncio.timeout(WAIT_S):
            while len(recorder.load(self.path).sets) < count:
                assert self._process is not None
                assert self._process.poll() is None, "it ended by itself"
                await asyncio.sleep(0.01)


async def test_two_follow_a_third_and_one_is_killed_and_resumes(
    relay: Serving, registry: RegistryRelays, dev_chain: DevChain, deployment: Deployment, tmp_path: Path
) -> None:
    writing, following = await enrol(relay), await enrol(relay)
    secret = secrets.token_bytes(32)
    recording = PrivateKey.from_bytes(secret)
    async with RelayClient.connect(relay.url, shop_id=relay.shop_id, key_card=recording) as client:
        await client.enrol(OWNER_KEY)
    program = Recorder(relay, secret, dev_chain, deployment, tmp_path / "record")
    program.start()
    seen: list[ReceivedSet] = []
    async with (
        joined(relay, writing, registry) as writer,
        joined(relay, following, registry) as reader,
        await reader.follow(on_applied=lambda _, received: seen.append(received)) as follower,
    ):
        root_hash = b""
        for number in range(1, 121):
            root_hash = await writer.write(
                patches.add_listing(listing(number)) + patches.add_stock(number, 5), may_reveal=True
            )
            if number % 30 == 0:
                await program.has_recorded(number - 20)
                program.kill()
                program.start()
        await reached(follower, root_hash)
        await program.has_recorded(123)
        program.kill()

        whole = [(received.seq, received.leaves, received.signer) for received in seen]
        assert [seq for seq, _, _ in whole] == list(range(1, 124))
        assert [received.signed_as for received in seen] == [Role.RELAY] * 3 + [Role.CLERK] * 120
        assert {address_of(signer) for _, _, signer in whole[:3]} == {relay.wallet.address}
        assert {signer for _, _, signer in whole[3:]} == {writing.public_key}
        record = recorder.load(program.path)
        assert record.sets == whole
        assert record.root_hash == follower.root_hash == root_hash


async def test_a_subscription_goes_on_in_the_middle_of_a_set(
    relay: Serving, registry: RegistryRelays
) -> None:
    key = await enrol(relay)
    async with joined(relay, key, registry) as client:
        large = [
            patch for number in range(1, 41) for patch in patches.add_listing(listing(number, "x" * 40 * KIB))
        ]
        root_hash = await client.write(large)
        async with client.subscribe(1) as subscription:
            first = await anext(subscription)
            middle = subscription.position
            rest = await anext(subscription)
        assert first.seq == rest.seq == 2
        assert [*first.leaves, *rest.leaves] == list(range(40))
        assert middle == Position(2, first.leaves[-1])
        async with client.subscribe(middle) as subscription:
            again = await anext(subscription)
            assert (again.seq, again.leaves) == (2, rest.leaves)
        async with await client.follow() as follower:
            await reached(follower, root_hash)


def registry_of(relay: Serving, chain: DevChain, contracts: Deployment) -> RegistryRelays:
    return RegistryRelays(
        chain.rpc_url,
        tokens=[relay.server.relay_token],
        shop_reg=contracts.shop_reg,
        relay_reg=contracts.relay_reg,
    )


async def test_a_follower_survives_cuts_and_a_relay_that_starts_again(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    seen: list[int] = []
    async with Crossing().open() as crossing, AsyncExitStack() as stack:
        async with serving(tmp_path, dev_chain, deployment) as relay:
            crossing.lead_to(relay.url)
            registry = registry_of(relay, dev_chain, deployment)
            writing, following = await enrol(relay), await enrol(relay)
            reader = await stack.enter_async_context(joined(relay, following, registry, crossing.url))
            follower = await reader.follow(on_applied=lambda _, received: seen.append(received.seq))
            await stack.enter_async_context(follower)
            async with joined(relay, writing, registry) as writer:
                for number in range(1, 61):
                    root_hash = await writer.write(patches.add_listing(listing(number)))
                    if number % 20 == 0:
                        crossing.cut()
                await reached(follower, root_hash)
        async with serving(tmp_path, dev_chain, deployment) as relay:
            crossing.lead_to(relay.url)
            async with joined(relay, writing, registry) as writer:
                for number in range(61, 71):
                    root_hash = await writer.write(patches.add_listing(listing(number)))
            await reached(follower, root_hash)
    assert seen == list(range(1, 73))


class TestUnansweredWrites:
    async def unanswered(self, client: RelayClient, crossing: Crossing, number: int) -> bytes:
        """Write a listing; the relay applies it, and its answer is lost."""
        crossing.hold_answers()
        writing = asyncio.create_task(client.write(patches.add_listing(listing(number))))
        await asyncio.sleep(0)
        return await self.cut_off(writing, crossing)

    async def cut_off(self, writing: "asyncio.Task[bytes]", crossing: Crossing) -> bytes:
        async with asyncio.timeout(WAIT_S):
            await crossing.held.wait()
            crossing.cut()
            with pytest.raises(WriteUnanswered) as caught:
                await writing
        return caught.value.patch_set

    async def test_sending_the_same_again_tells_that_it_was_applied(
        self, relay: Serving, registry: RegistryRelays
    ) -> None:
        key = await enrol(relay)
        async with Crossing().open() as crossing:
            crossing.lead_to(relay.url)
            async with joined(relay, key, registry, crossing.url) as client:
                patch_set = await self.unanswered(client, crossing, 7)
                await client.reconnect()
                with pytest.raises(RelayRefused, match="nonce") as refused:
                    await client.write_sealed(patch_set)
                assert refused.value.code is Code.INVALID
                async with await client.follow() as follower:
                    await follower.caught_up()
                    assert follower.listing(7) is not None
                    assert follower.seq == 2

    async def test_sending_the_same_again_applies_what_was_not(
        self, relay: Serving, registry: RegistryRelays
    ) -> None:
        key = await enrol(relay)
        async with Crossing().open() as crossing:
            crossing.lead_to(relay.url)
            async with joined(relay, key, registry, crossing.url) as client:
                crossing.hold_requests()
                writing = asyncio.create_task(client.write(patches.add_listing(listing(7))))
                patch_set = await self.cut_off(writing, crossing)
                await client.reconnect()
                root_hash = await client.write_sealed(patch_set)
                async with await client.follow() as follower:
                    await reached(follower, root_hash)
                    assert follower.listing(7) is not None


async def test_a_slow_reader_loses_nothing(relay: Serving, registry: RegistryRelays) -> None:
    key = await enrol(relay)
    async with joined(relay, key, registry, buffer_bytes=60_000) as client:
        writes = [client.write(patches.add_listing(listing(number, "x" * 900))) for number in range(1, 301)]
        await asyncio.gather(*writes)
        seen: list[int] = []
        async with asyncio.timeout(WAIT_S), client.subscribe() as subscription:
            async for received in subscription:
                if len(seen) % 50 == 0:
                    # Slower than the relay; writing goes on beside the pushes that wait.
                    await client.write(patches.set_price(1, len(seen)))
                seen.append(received.seq)
                if len(seen) == 307:
                    break
        assert seen == list(range(1, 308))


async def test_guests_follow_what_they_may_see(relay: Serving, registry: RegistryRelays) -> None:
    clerk = await enrol(relay)
    guest, other = await enrol(relay, guest=True), await enrol(relay, guest=True)
    async with (
        joined(relay, clerk, registry) as shop,
        joined(relay, guest, registry) as customer,
        joined(relay, other, registry) as stranger,
        await shop.follow() as everything,
        await customer.follow() as own,
        await stranger.follow() as others,
    ):
        await shop.write(patches.add_listing(listing(1)) + patches.add_stock(1, 5), may_reveal=True)
        order = patches.new_id()
        root_hash = await customer.write(patches.add_order(order, [OrderedItem(listing_id=1, quantity=2)]))
        await reached(everything, root_hash)
        async with asyncio.timeout(WAIT_S):
            await own.wait_for(lambda follower: follower.order(order) is not None)
        await shop.write(patches.set_price(1, 7))
        async with asyncio.timeout(WAIT_S):
            for follower in (own, others):
                await follower.wait_for(
                    lambda one: (found := one.listing(1)) is not None and found.price == 7
                )
        assert others.order(order) is None
        assert own.stock(1) is others.stock(1) is None
        assert own.root_hash is others.root_hash is None
        assert everything.stock(1) == 5
        assert everything.is_complete


async def test_a_removed_key_card_signed_what_it_signed(relay: Serving, registry: RegistryRelays) -> None:
    staying, leaving = await enrol(relay), await enrol(relay)
    wallet = bytes.fromhex(OWNER.address[2:])
    async with joined(relay, staying, registry) as owner:
        async with joined(relay, leaving, registry) as former:
            await former.write(patches.add_listing(listing(1)))
            follower = await former.follow()
            account = (await _followed(owner)).account(wallet)
            assert account is not None
            index = account.key_cards.index(leaving.public_key)
            root_hash = await owner.write(patches.remove_key_card(wallet, index))
            async with asyncio.timeout(WAIT_S):
                with pytest.raises(RelayRefused, match="Item not found"):
                    await follower.run()
                with pytest.raises(RelayRefused, match="Item not found"):
                    await anext(former.subscribe())
        # What it wrote before is as good as ever.
        async with await owner.follow() as after:
            await reached(after, root_hash)
            assert after.listing(1) is not None


async def _followed(client: RelayClient) -> Follower:
    async with await client.follow() as follower, asyncio.timeout(WAIT_S):
        await follower.caught_up()
    return follower


async def test_a_relay_that_owns_no_trusted_token_is_not_believed(
    relay: Serving, dev_chain: DevChain, deployment: Deployment
) -> None:
    key = await enrol(relay)
    nobody = RegistryRelays(dev_chain.rpc_url, shop_reg=deployment.shop_reg, relay_reg=deployment.relay_reg)
    async with joined(relay, key, nobody) as client, asyncio.timeout(WAIT_S):
        follower = await client.follow()
        with pytest.raises(UntrustedSigner) as caught:
            await follower.run()
    assert caught.value.seq == 1
    assert address_of(caught.value.signer) == relay.wallet.address


async def test_a_new_patch_of_any_kind_can_be_written(relay: Serving, registry: RegistryRelays) -> None:
    key = await enrol(relay)
    async with joined(relay, key, registry) as client, await client.follow() as follower:
        region: Value = {"Country": "DE", "PostalCode": "", "City": ""}
        root_hash = await client.write([NewPatch("add", ("Manifest", "ShippingRegions", "home"), region)])
        await reached(follower, root_hash)
        manifest = follower.manifest()
        assert manifest is not None
        assert manifest.shipping_regions is not None
        assert set(manifest.shipping_regions) == {"default", "home"}
