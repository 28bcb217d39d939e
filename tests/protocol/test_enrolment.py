"""Requests to enrol a key card, as they are read: whatever is not one is refused in one way."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.enrolment import EnrolmentResources, open_enrolment, origin_host, read_resources
from minirelay.protocol.sign_in import parse, render
from minirelay.protocol.signing import PrivateKey

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "enroll.json").read_text("utf-8")
)
WALLET = PrivateKey.from_bytes(bytes.fromhex(VECTORS["wallet"]["private_key"]))
GOOD = parse(VECTORS["cases"][0]["message"])
KEY_CARD: str = VECTORS["key_card"]


def signed(text: str, key: PrivateKey = WALLET) -> bytes:
    signature = base64.b64encode(key.sign(text.encode())).decode()
    return json.dumps({"message": text, "signature": signature}).encode()


def test_a_request_gives_its_message() -> None:
    message = open_enrolment(signed(render(GOOD)))
    assert message == GOOD
    assert message.address == WALLET.address


def test_a_message_that_another_signed_is_refused() -> None:
    with pytest.raises(MalformedInput, match="not signed by the address"):
        open_enrolment(signed(render(GOOD), PrivateKey.from_bytes(b"\x77" * 32)))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        open_enrolment(body)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.data())
def test_damaged_requests_are_refused_or_unharmed(data: st.DataObject) -> None:
    """One byte of a good request changed: refused, or the same message by the same wallet."""
    body = bytearray(signed(render(GOOD)))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))
    try:
        message = open_enrolment(bytes(body))
    except MalformedInput:
        return
    assert message == GOOD


@pytest.mark.parametrize("card", [KEY_CARD, f"0x{KEY_CARD}", KEY_CARD.upper()])
def test_resources_name_relay_shop_and_card(card: str) -> None:
    resources = ("mass-relayid:1", f"mass-shopid:{2**256 - 1}", f"mass-keycard:{card}")
    assert read_resources(resources) == EnrolmentResources(1, 2**256 - 1, bytes.fromhex(KEY_CARD))


@pytest.mark.parametrize(
    "resources",
    [
        (),
        ("mass-relayid:1", "mass-shopid:2"),
        ("mass-shopid:2", "mass-relayid:1", f"mass-keycard:{KEY_CARD}"),
        ("mass-relayid:1", f"mass-shopid:{2**256}", f"mass-keycard:{KEY_CARD}"),
        ("mass-relayid:1", "mass-shopid:2", f"mass-keycard:{'00' * 33}"),
        ("mass-relayid:1", "mass-shopid:2", f"mass-keycard:{KEY_CARD}", "https://shop.example/"),
    ],
)
def test_other_resources_are_refused(resources: tuple[str, ...]) -> None:
    with pytest.raises(MalformedInput):
        read_resources(resources)


@pytest.mark.parametrize(
    ("referer", "host"),
    [
        ("https://Shop.example/a?b#c", "shop.example"),
        ("http://localhost:5173", "localhost:5173"),
        ("https://shop.example/{lax}|path", "shop.example"),
    ],
)
def test_the_host_of_a_referer(referer: str, host: str) -> None:
    assert origin_host(referer) == host


@pytest.mark.parametrize("referer", ["about:blank", "shop.example", "http://", "http://[::1/", "\udcff"])
def test_a_referer_without_a_host_is_refused(referer: str) -> None:
    with pytest.raises(MalformedInput):
        origin_host(referer)
