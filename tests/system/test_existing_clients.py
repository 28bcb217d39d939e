"""The clients that exist can do their part: one that speaks with the reference types, one as browsers do.

Neither uses a line of ours: messages are the reference's, signatures are eth-account's, encodings by hand.
"""

import asyncio
import base64
import hashlib
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_keys.datatypes import PrivateKey as EthKey
from massmarket import envelope_pb2, subscription_pb2, verify_proof
from massmarket.cbor_encoder import cbor_encode

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.serving import OWNER, Serving, serving

TIMEOUT_S = 20.0


@pytest.fixture
async def relay(tmp_path: Path, dev_chain: DevChain, deployment: Deployment) -> AsyncIterator[Serving]:
    async with serving(tmp_path, dev_chain, deployment, ping_interval="250ms", kick_timeout="1s") as running:
        yield running


@dataclass
class Device:
    """A key card and what a client knows of its relay."""

    relay: Serving
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def public_key(self) -> bytes:
        return EthKey(self.secret).public_key.to_compressed_bytes()

    def sign(self, message: bytes) -> bytes:
        return bytes(Account.sign_message(encode_defunct(message), self.secret).signature)

    def sign_in_text(self, host: str, uri: str, *, is_browser: bool) -> str:
        card = self.public_key.hex() if is_browser else f"0x{self.public_key.hex()}"
        middle = "" if is_browser else f"keyCard: {card}\n"
        issued = "2025-06-01T09:00:00.123Z" if is_browser else "2025-06-01T09:00:00Z"
        return (
            f"{host} wants you to sign in with your Ethereum account:\n{OWNER.address}\n\n{middle}\n"
            f"URI: {uri}\nVersion: 1\nChain ID: 31337\nNonce: 00000000\nIssued At: {issued}\nResources:\n"
            f"- mass-relayid:{self.relay.server.relay_token}\n- mass-shopid:{self.relay.shop_id}\n"
            f"- mass-keycard:{card}"
        )

    async def enrol(self, http: ClientSession, *, referer: str | None = None, guest: bool = False) -> int:
        url = self.relay.url
        host, uri = url.removeprefix("http://"), f"{url}/v4/enroll_key_card"
        if referer is not None:
            host, uri = referer.split("/")[2], referer
        text = self.sign_in_text(host, uri, is_browser=referer is not None)
        signature = Account.sign_message(encode_defunct(text=text), OWNER.private_key).signature
        async with http.post(
            f"{url}/v4/enroll_key_card" + ("?guest=1" if guest else ""),
            json={"message": text, "signature": base64.b64encode(signature).decode()},
            headers={} if referer is None else {"Referer": referer, "Origin": "https://shop.example"},
        ) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            return response.status


@dataclass
class Session:
    """A session that speaks in the reference's messages, and answers pings only while `answers_pings`."""

    socket: ClientWebSocketResponse
    device: Device
    last_id: int = 0
    pushes: list[Any] = field(default_factory=list)
    sync_statuses: list[Any] = field(default_factory=list)
    pings: int = 0
    answers_pings: bool = True

    async def read(self) -> Any:
        data = await asyncio.wait_for(self.socket.receive_bytes(), TIMEOUT_S)
        envelope = envelope_pb2.Envelope.FromString(data)
        kind = envelope.WhichOneof("message")
        if kind == "subscription_push_request":
            self.pushes.append(envelope.subscription_push_request)
        elif kind == "sync_status_request":
            self.sync_statuses.append(envelope.sync_status_request)
        elif kind == "ping_request":
            self.pings += 1
        if kind != "response" and self.answers_pings:
            answer = envelope_pb2.Envelope(
                request_id=envelope.request_id, response=envelope_pb2.Envelope.GenericResponse()
            )
            await self.socket.send_bytes(answer.SerializeToString())
        return envelope

    async def ask(self, **message: Any) -> Any:
        """Send a request; give the response with its id. What comes before it is handled."""
        self.last_id += 1
        request = envelope_pb2.Envelope(request_id={"raw": self.last_id}, **message)
        await self.socket.send_bytes(request.SerializeToString())
        while True:
            envelope = await self.read()
            if envelope.WhichOneof("message") == "response" and envelope.request_id.raw == self.last_id:
                return envelope.response

    async def authenticate(self) -> None:
        challenge = await self.ask(auth_request={"public_key": {"raw": self.device.public_key}})
        assert len(challenge.payload) == 32
        solved = await self.ask(
            challenge_solution_request={"signature": {"raw": self.device.sign(challenge.payload)}}
        )
        assert not solved.HasField("error")

    async def write(self, patch_set: bytes) -> Any:
        return await self.ask(patch_set_write_request={"patch_set": patch_set})

    async def subscribe(self, start: int = 0) -> Any:
        return await self.ask(
            subscription_request={
                "start_shop_seq_no": start,
                "shop_id": {"raw": self.device.relay.shop_id.to_bytes(32, "big")},
            }
        )

    async def until_patches(self, count: int) -> list[Any]:
        while sum(len(one.patches) for push in self.pushes for one in push.sets) < count:
            await self.read()
        return [one for push in self.pushes for one in push.sets]


@asynccontextmanager
async def session(device: Device, http: ClientSession) -> AsyncIterator[Session]:
    async with http.ws_connect(f"{device.relay.url}/v4/sessions") as socket:
        yield Session(socket, device)


def reference_patch_set(device: Device, nonce: int, *patches: dict[str, Any]) -> bytes:
    """Seal as the Python library does: sorted keys, tag 0 times."""
    encoded = [cbor_encode(patch) for patch in patches]
    header = cbor_encode(
        {
            "KeyCardNonce": nonce,
            "ShopID": device.relay.shop_id,
            "Timestamp": datetime.now(UTC).replace(microsecond=0),
            "RootHash": root_of(encoded),
        }
    )
    sealed: bytes = (
        b"\xa3"
        + text("Header")
        + header
        + text("Patches")
        + array(encoded)
        + text("Signature")
        + data_of(device.sign(header))
    )
    return sealed


def browser_patch_set(device: Device, nonce: int, *patches: bytes) -> bytes:
    """Seal as browsers do: keys in the order of writing, 8-byte integers, epoch times as floats."""
    header = (
        b"\xa4"
        + (text("KeyCardNonce") + b"\x1b" + struct.pack(">Q", nonce))
        + (text("Timestamp") + b"\xc1\xfb" + struct.pack(">d", datetime.now(UTC).timestamp()))
        + (text("ShopID") + b"\xc2" + data_of(device.relay.shop_id.to_bytes(32, "big").lstrip(b"\0")))
        + (text("RootHash") + data_of(root_of(list(patches))))
    )
    return (
        b"\xa3"
        + (text("Header") + header)
        + (text("Signature") + data_of(device.sign(header)))
        + (text("Patches") + array(list(patches)))
    )


def root_of(patches: list[bytes]) -> bytes:
    if len(patches) == 1:
        return hashlib.sha256(patches[0]).digest()
    assert len(patches) == 2
    left, right = (hashlib.sha256(patch).digest() for patch in patches)
    return hashlib.sha256((3).to_bytes(8, "big") + left + right).digest()


def text(value: str) -> bytes:
    encoded = value.encode()
    assert len(encoded) < 256
    return (bytes([0x60 + len(encoded)]) if len(encoded) < 24 else bytes([0x78, len(encoded)])) + encoded


def data_of(value: bytes) -> bytes:
    return (bytes([0x40 + len(value)]) if len(value) < 24 else bytes([0x58, len(value)])) + value


def array(items: list[bytes]) -> bytes:
    return bytes([0x80 + len(items)]) + b"".join(items)


def listing(number: int) -> dict[str, Any]:
    return {
        "Op": "add",
        "Path": ["Listings", number],
        "Value": {
            "ID": number,
            "Price": 10**20,
            "Metadata": {"Title": "Cup", "Description": "Holds coffee"},
            "ViewState": 1,
        },
    }


async def test_a_library_client_enrols_logs_in_writes_and_follows(relay: Serving) -> None:
    async with ClientSession() as http:
        device = Device(relay)
        assert await device.enrol(http) == 201
        async with session(device, http) as one:
            await one.authenticate()
            answer = await one.write(reference_patch_set(device, 1, listing(1), listing(2)))
            assert len(answer.payload) == 32
            assert (await one.subscribe()).payload == b"\x00\x01"
            sets = await one.until_patches(4)
            assert [each.shop_seq_no for each in sets] == [1, 2]
            assert one.sync_statuses[0].unpushed_patches == 4
            # the proofs, by the reference's own reckoning
            root = hashlib.sha256(sets[0].patches[0]).digest()
            assert len(root) == 32
            for index, patch in enumerate(sets[1].patches):
                node, size, path = proof_of(sets[1].proofs[index])
                assert size == 3
                verify_proof(node, hashlib.sha256(patch).digest(), path, root_of(list(sets[1].patches)))


def proof_of(encoded: bytes) -> tuple[int, int, list[bytes]]:
    node, size, path = cbor2.loads(encoded)
    return node, size, path


async def test_a_browser_client_with_a_referer_and_its_own_encoding(relay: Serving) -> None:
    async with ClientSession() as http:
        device = Device(relay)
        assert await device.enrol(http, referer="https://shop.example/cart?x=1") == 201
        async with session(device, http) as one:
            await one.authenticate()
            metadata = (
                b"\xa2"
                + text("Title")
                + text("Tasse")
                + text("Description")
                + text("Gr\u00fc\u00dfe & Waren")
            )
            value = (
                b"\xa4"
                + (text("ID") + b"\x1b" + struct.pack(">Q", 7))
                + (text("Price") + b"\x1b" + struct.pack(">Q", 5))
                + (text("Metadata") + metadata)
                + (text("ViewState") + b"\x01")
            )
            add = b"\xa3" + text("Op") + text("add") + text("Path") + array([text("Listings"), b"\x07"])
            add += text("Value") + value
            remove = b"\xa2" + text("Op") + text("remove") + text("Path") + array([text("Listings"), b"\x07"])
            for nonce, patch in ((1, add), (2, remove)):
                answer = await one.write(browser_patch_set(device, nonce, patch))
                assert not answer.HasField("error"), answer
            await one.subscribe(1)
            sets = await one.until_patches(2)
            # what was signed is what is pushed
            assert [list(each.patches) for each in sets] == [[add], [remove]]


async def test_a_guest_from_a_web_page_orders(relay: Serving) -> None:
    async with ClientSession() as http:
        clerk, guest = Device(relay), Device(relay)
        assert await guest.enrol(http, referer="https://shop.example/", guest=True) == 409
        assert await clerk.enrol(http) == 201
        assert await guest.enrol(http, referer="https://shop.example/", guest=True) == 201
        async with session(guest, http) as one:
            await one.authenticate()
            order = {"Op": "add", "Path": ["Orders", 5], "Value": {"ID": 5, "Items": [], "State": 1}}
            assert not (await one.write(reference_patch_set(guest, 1, order))).HasField("error")
            refused = await one.write(reference_patch_set(guest, 2, listing(9)))
            assert refused.error.code == 1
            assert refused.error.message


async def test_subscribing_before_authenticating_gives_a_visitors_view(relay: Serving) -> None:
    async with ClientSession() as http:
        device = Device(relay)
        await device.enrol(http)
        async with session(device, http) as one:
            await one.subscribe()
            await one.authenticate()
            order = {"Op": "add", "Path": ["Orders", 5], "Value": {"ID": 5, "Items": [], "State": 1}}
            await one.write(reference_patch_set(device, 1, order))
            await one.write(reference_patch_set(device, 2, listing(3)))
            sets = await one.until_patches(3)
            assert [each.shop_seq_no for each in sets] == [1, 3]


async def test_a_client_is_pinged_and_dropped_when_it_stops_answering(relay: Serving) -> None:
    async with ClientSession() as http, session(Device(relay), http) as one:
        while one.pings < 2:
            await one.read()
        one.answers_pings = False
        while not one.socket.closed:
            await asyncio.wait_for(one.socket.receive(), TIMEOUT_S)
        assert one.socket.close_code == 1008


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"patch_set_write_request": {"patch_set": b""}}, 3),
        ({"get_blob_upload_url_request": {}}, 3),
        ({"auth_request": {"public_key": {"raw": bytes(33)}}}, 1),
        ({"auth_request": {"public_key": {"raw": bytes(5)}}}, 2),
        ({"challenge_solution_request": {"signature": {"raw": bytes(65)}}}, 2),
        ({"subscription_request": {"shop_id": {"raw": b"\x05"}}}, 1),
        ({"subscription_cancel_request": {"subscription_id": b"\x00\x09"}}, 1),
        ({"ping_request": {}}, 2),
        ({"subscription_push_request": subscription_pb2.SubscriptionPushRequest()}, 2),
    ],
)
async def test_refusals_have_the_right_code(relay: Serving, message: dict[str, Any], code: int) -> None:
    async with ClientSession() as http, session(Device(relay), http) as one:
        answer = await one.ask(**message)
        assert answer.error.code == code
        assert answer.error.message
