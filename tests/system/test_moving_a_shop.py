"""A shop that moves from one relay to another: everything arrives, and whoever bought there is not lost."""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import cbor2
import pytest
from aiohttp import ClientSession
from massmarket import verify_proof
from web3 import Web3

from minirelay.chain.log_reading import OVERLAP
from minirelay.client import Blob, Checkpoint, LogRestored, PrivateKey
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.operations.exporting import export_shop, list_shops
from minirelay.operations.importing import Imported, import_file
from minirelay.protocol.gaps import GAP_STEP
from minirelay.shop.payment_request import PaymentRequest, payment_id
from tests.chain_fixtures import Contracts, rpc
from tests.system.paid_orders import PAID, STOCK, TIMEOUT_S, UNPAID, PaidOrders, paid_orders, paid_set
from tests.system.serving import serving
from tests.system.test_existing_clients import Device, proof_of, session

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(300_000)
Ordered = tuple[int, PaymentRequest]


@dataclass
class Moved:
    """A shop that was moved, and what it was before.

    device: of a client that speaks with the reference types, enrolled at the old relay. ahead: where a client
    was that heard more than was exported. lost: an order that is not in it, and was paid.
    """

    old: PaidOrders
    new: PaidOrders
    device: Device
    picture: Blob
    root_hash: bytes
    sets: int
    ahead: Checkpoint
    done: Imported
    paid: Ordered
    paid_meanwhile: Ordered
    unpaid: Ordered
    lost: Ordered


@pytest.fixture
async def moved(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment, contracts: Contracts, w3: Web3
) -> Moved:
    """Sell at one relay, export while it runs, and import where the chain was read on meanwhile."""
    old = paid_orders(tmp_path / "old" / "shop", dev_chain, deployment, contracts, w3, "deployed")
    old.directory.parent.mkdir()
    async with old.relay(), ClientSession() as http:
        assert old.serving is not None
        device = Device(old.serving)
        assert await device.enrol(http) == 201
        paid = await old.order()
        await asyncio.to_thread(old.payer.by_call, paid[1], paid[1].amount)
        await old.until(paid[0], PAID)
        picture = await old.clerk.upload_blob(PICTURE)
        meanwhile, unpaid = await old.order(), await old.order(is_token=True)
        await old.polled()
        await old.clerk_view.caught_up()
        root_hash = old.clerk_view.root_hash
        (row,) = await asyncio.to_thread(list_shops, old.directory)
        made = await asyncio.to_thread(export_shop, old.directory, row, tmp_path / "export")
        assert root_hash is not None
        assert made.root_hash == f"0x{root_hash.hex()}"
        # What is not in the export any more.
        lost = await old.order()
        await old.clerk_view.caught_up()
        ahead = old.clerk_view.checkpoint()
    # Nobody serves the shop now.
    for _, request in (meanwhile, lost):
        await asyncio.to_thread(old.payer.by_call, request, request.amount)
    for _ in range(2 * OVERLAP):
        rpc(old.payer.w3, "evm_mine")
    new = replace(old, directory=tmp_path / "new" / "shop", sets={"clerk": [], "guest": []})
    async with serving(
        new.directory, new.chain, new.deployment, chains__31337__poll_interval="50ms"
    ) as served:
        new.serving = served
        await new.polled()
    done = await asyncio.to_thread(import_file, tmp_path / "export", new.directory)
    return Moved(
        old,
        new,
        device,
        picture,
        root_hash,
        made.sequence_number,
        ahead,
        done,
        paid,
        meanwhile,
        unpaid,
        lost,
    )


async def until_paid(shop: PaidOrders, *orders: Ordered) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        for number, _ in orders:

            def is_paid(view: object, number: int = number) -> bool:
                found = shop.clerk_view.order(number)
                return found is not None and found.state is PAID

            await shop.clerk_view.wait_for(is_paid)


async def test_open_orders_are_paid_once_also_by_what_came_meanwhile(moved: Moved) -> None:
    shop = moved.new
    ((_, first, before),) = [(one.chain_id, one.read_from, one.before) for one in moved.done.rewound]
    assert before is not None
    assert first < before
    async with shop.relay():
        await until_paid(shop, moved.paid, moved.paid_meanwhile)
        found = shop.clerk_view.order(moved.unpaid[0])
        assert found is not None
        assert found.state is UNPAID
        await asyncio.to_thread(shop.payer.token_by_address, moved.unpaid[1], moved.unpaid[1].amount)
        await until_paid(shop, moved.unpaid)
        await shop.polled(4)
        assert shop.stock() == STOCK - 3
        for number, request in (moved.paid, moved.paid_meanwhile, moved.unpaid):
            assert shop.row(request) == "paid"
            assert shop.sets["clerk"].count(paid_set(number)) == 1
        assert [kind for kind, _ in shop.alerts()] == ["imported", "stray payment"]
        ((detail,),) = shop.rows("SELECT detail FROM alert WHERE kind = 'stray payment'")
        lost = moved.lost[1]
        assert detail.startswith(f"{lost.amount} units of 0x{'0' * 40} were paid on chain 31337 to 0x")
        assert f"payment 0x{payment_id(lost).hex()}, transaction 0x" in detail
        assert shop.rows("SELECT * FROM unknown_payment") == []


async def test_the_reference_client_goes_on_with_its_card_and_every_proof_verifies(moved: Moved) -> None:
    shop = moved.new
    async with shop.relay(), ClientSession() as http:
        await until_paid(shop, moved.paid_meanwhile)
        assert shop.serving is not None
        device = replace(moved.device, relay=shop.serving)
        async with session(device, http) as one:
            await one.authenticate()
            await one.subscribe()
            while not one.sync_statuses:
                await one.read()
            total = one.sync_statuses[0].unpushed_patches
            sets = await one.until_patches(total)
        numbers = [each.shop_seq_no for each in sets]
        assert numbers[: moved.sets] == list(range(1, moved.sets + 1))
        assert numbers[moved.sets] == moved.done.goes_on
        assert numbers[moved.sets] % GAP_STEP == 0
        for each in sets:
            root = cbor2.loads(each.header)["RootHash"]
            for patch, proof in zip(each.patches, each.proofs, strict=True):
                node, _, path = proof_of(proof)
                leaf = hashlib.sha256(patch).digest()
                if path:
                    verify_proof(node, leaf, path, root)
                else:
                    assert leaf == root


async def test_our_client_arrives_at_the_same_root_and_sees_the_picture(moved: Moved) -> None:
    shop = moved.new
    roots = {}
    async with shop.relay():
        assert shop.serving is not None
        async with (
            shop.serving.client(PrivateKey.from_bytes(moved.device.secret)) as client,
            await client.follow(on_applied=lambda view, one: roots.update({one.seq: view.root_hash})) as view,
        ):
            await view.caught_up()
            assert roots[moved.sets] == moved.root_hash
            assert await client.fetch_blob(moved.picture.ipfs_path) == PICTURE
            with pytest.raises(LogRestored):
                async with await client.follow(moved.ahead) as other:
                    await other.caught_up()
