"""The header of a patch set."""

from datetime import UTC, datetime
from typing import Any

import pytest

from minirelay.errors import Code, Refusal
from minirelay.protocol.cbor import encode
from minirelay.protocol.header import decode_header, header_from

ROOT = b"\x01" * 32
MORNING = datetime(2025, 6, 1, 9, 0, 0, tzinfo=UTC)
SOUND: dict[str | int | bytes, Any] = {
    "KeyCardNonce": 7,
    "ShopID": 2**255 + 1,
    "Timestamp": MORNING,
    "RootHash": ROOT,
}


def test_a_sound_header_is_decoded_and_its_bytes_are_kept() -> None:
    raw = encode(SOUND)
    header = decode_header(raw)
    assert (header.key_card_nonce, header.shop_id, header.timestamp, header.root_hash) == (
        7,
        2**255 + 1,
        MORNING,
        ROOT,
    )
    assert header.raw == raw


def refused(**changes: Any) -> str:
    value = {key: content for key, content in (SOUND | changes).items() if content is not ...}
    with pytest.raises(Refusal) as caught:
        header_from(value, b"")
    assert caught.value.code is Code.INVALID
    assert caught.value.message.startswith("invalid header")
    return caught.value.message


@pytest.mark.parametrize("field", ["KeyCardNonce", "ShopID", "Timestamp", "RootHash"])
@pytest.mark.parametrize("absence", [..., None])
def test_every_field_must_be_set(field: str, absence: object) -> None:
    assert field in refused(**{field: absence})


@pytest.mark.parametrize("nonce", [0, 2**64, True, "1", b"\x01", [1], MORNING])
def test_nonce_is_a_uint64_from_1_on(nonce: object) -> None:
    assert "KeyCardNonce" in refused(KeyCardNonce=nonce)


@pytest.mark.parametrize("nonce", [1, 2**64 - 1])
def test_first_and_last_nonce_are_accepted(nonce: int) -> None:
    assert header_from(SOUND | {"KeyCardNonce": nonce}, b"").key_card_nonce == nonce


@pytest.mark.parametrize(
    ("written", "shop_id"),
    [
        (0, 0),
        (5, 5),
        (2**256 - 1, 2**256 - 1),
        (b"\x05", 5),
        (b"\0" * 31 + b"\x05", 5),
        (b"\xff" * 32, 2**256 - 1),
    ],
)
def test_shop_id_is_an_integer_or_up_to_32_bytes(written: object, shop_id: int) -> None:
    assert header_from(SOUND | {"ShopID": written}, b"").shop_id == shop_id


@pytest.mark.parametrize("shop_id", [b"", b"\0" * 33, True, "5", [5], {}])
def test_other_shop_ids_are_refused(shop_id: object) -> None:
    assert "ShopID" in refused(ShopID=shop_id)


@pytest.mark.parametrize("root", [b"", ROOT[1:], ROOT + b"\0", "x" * 32, 1, [ROOT]])
def test_root_hash_is_32_bytes(root: object) -> None:
    assert "RootHash" in refused(RootHash=root)


@pytest.mark.parametrize(
    "written", [MORNING, "2025-06-01T09:00:00Z", "2025-06-01T11:00:00.5+02:00", 1748768400]
)
def test_timestamp_comes_as_time_text_or_number(written: object) -> None:
    assert header_from(SOUND | {"Timestamp": written}, b"").timestamp == MORNING


@pytest.mark.parametrize("written", ["yesterday", "2025-06-01T09:00:00", 2**64, True, b"2025", [], {}])
def test_other_timestamps_are_refused(written: object) -> None:
    assert "Timestamp" in refused(Timestamp=written)


def test_fields_may_be_spelled_in_other_cases() -> None:
    lower = {str(key).lower(): content for key, content in SOUND.items()}
    assert header_from(lower, b"") == header_from(SOUND, b"")


def test_exact_spelling_wins() -> None:
    assert header_from(SOUND | {"keycardnonce": 0, "KEYCARDNONCE": 0}, b"").key_card_nonce == 7


def test_two_inexact_spellings_are_refused() -> None:
    assert "two spellings" in refused(RootHash=..., roothash=ROOT, rootHash=ROOT)


def test_unknown_fields_are_ignored() -> None:
    assert header_from(SOUND | {"Comment": "hello", 5: []}, b"").key_card_nonce == 7


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\xf6", b"\xa1", encode(SOUND) + b"\0", b"\xff"])
def test_bytes_that_are_no_header_are_refused(raw: bytes) -> None:
    with pytest.raises(Refusal, match="invalid header"):
        decode_header(raw)
