"""Keys and personal messages, against eth-account and the vectors."""

import pickle

import coincurve
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from minirelay.errors import MalformedInput
from minirelay.protocol.signing import (
    PrivateKey,
    address_of,
    checksum_address,
    is_public_key,
    keccak256,
    personal_message_hash,
    recover,
)

from .strategies import STEADY
from .vectors import load

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECRET = bytes(range(1, 33))
KEY = PrivateKey.from_bytes(SECRET)
MESSAGE = b"a header"
SIGNATURE = KEY.sign(MESSAGE)
secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32))


def test_vectors() -> None:
    for case in load("signing"):
        key = PrivateKey.from_bytes(bytes.fromhex(case["private_key"]))
        message, signature = bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
        assert key.public_key.hex() == case["public_key"]
        assert checksum_address(key.address) == case["address"]
        assert key.sign(message) == signature
        assert recover(message, signature) == key.public_key


@given(secrets, st.binary(max_size=300))
@settings(STEADY, max_examples=40)
def test_signatures_are_those_of_eth_account(secret: bytes, message: bytes) -> None:
    key, wallet = PrivateKey.from_bytes(secret), Account.from_key(secret)
    signed = wallet.sign_message(encode_defunct(message))
    assert key.sign(message) == bytes(signed.signature)
    assert checksum_address(key.address) == wallet.address
    assert recover(message, bytes(signed.signature)) == key.public_key
    assert Account.recover_message(encode_defunct(message), signature=key.sign(message)) == wallet.address


@given(st.binary(max_size=200))
@STEADY
def test_keccak_is_that_of_ethereum(data: bytes) -> None:
    assert keccak256(data) == keccak(data)


@given(st.binary(min_size=20, max_size=20))
@STEADY
def test_checksums_are_those_of_eip_55(address: bytes) -> None:
    assert checksum_address(address) == to_checksum_address(address)


def test_length_of_the_message_is_signed_in_decimal() -> None:
    expected = keccak256(b"\x19Ethereum Signed Message:\n" + b"1234" + b"x" * 1234)
    assert personal_message_hash(b"x" * 1234) == expected


@pytest.mark.parametrize("offset", [27, 0])
def test_recovery_id_may_have_27_added_or_not(offset: int) -> None:
    for number in range(8):
        message = bytes((number,))
        signature = KEY.sign(message)
        assert signature[64] in (27, 28)
        assert recover(message, signature[:64] + bytes((signature[64] - 27 + offset,))) == KEY.public_key


@pytest.mark.parametrize("v", [2, 3, 26, 29, 30, 31, 35, 37, 38, 255])
def test_other_recovery_ids_are_refused(v: int) -> None:
    with pytest.raises(MalformedInput):
        recover(MESSAGE, SIGNATURE[:64] + bytes((v,)))


@pytest.mark.parametrize("signature", [b"", SIGNATURE[:64], SIGNATURE + b"\0", b"\0" * 64])
def test_other_lengths_are_refused(signature: bytes) -> None:
    with pytest.raises(MalformedInput, match="65"):
        recover(MESSAGE, signature)


def test_s_in_the_upper_half_is_refused() -> None:
    r, s, v = SIGNATURE[:32], int.from_bytes(SIGNATURE[32:64]), SIGNATURE[64]
    twin = r + (ORDER - s).to_bytes(32) + bytes((55 - v,))
    assert Account.recover_message(encode_defunct(MESSAGE), signature=twin) == checksum_address(KEY.address)
    with pytest.raises(MalformedInput, match="upper half"):
        recover(MESSAGE, twin)


@pytest.mark.parametrize("s", [ORDER // 2 + 1, ORDER - 1, ORDER, 2**256 - 1])
def test_upper_half_begins_right_behind_the_middle(s: int) -> None:
    with pytest.raises(MalformedInput, match="upper half"):
        recover(MESSAGE, SIGNATURE[:32] + s.to_bytes(32) + b"\x1b")


def test_middle_of_the_order_belongs_to_the_lower_half() -> None:
    assert is_public_key(recover(MESSAGE, SIGNATURE[:32] + (ORDER // 2).to_bytes(32) + b"\x1b"))


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (0, 0), (ORDER, 1), (2**256 - 1, 1), (5, 1)], ids=str)
def test_numbers_that_are_no_signature_are_refused(r: int, s: int) -> None:
    with pytest.raises(MalformedInput):
        recover(MESSAGE, r.to_bytes(32) + s.to_bytes(32) + b"\x1b")


@given(st.binary(min_size=65, max_size=65), st.binary(max_size=20))
@settings(STEADY, max_examples=200)
def test_any_65_bytes_give_a_key_or_a_refusal(signature: bytes, message: bytes) -> None:
    try:
        signer = recover(message, signature)
    except MalformedInput:
        return
    assert is_public_key(signer)


def test_one_changed_bit_recovers_another_signer_or_none() -> None:
    for bit in range(64 * 8):
        changed = bytearray(SIGNATURE)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert recover(MESSAGE, bytes(changed)) != KEY.public_key
        except MalformedInput:
            continue


@pytest.mark.parametrize(
    "secret", [b"", SECRET[1:], SECRET + b"\0", b"\0" * 32, ORDER.to_bytes(32), b"\xff" * 32]
)
def test_what_is_no_private_key_is_refused(secret: bytes) -> None:
    with pytest.raises(MalformedInput) as refused:
        PrivateKey.from_bytes(secret)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_private_key_never_shows_itself() -> None:
    shown = repr(KEY) + str(KEY) + f"{KEY}" + repr([KEY])
    assert SECRET.hex() not in shown.lower()
    assert str(int.from_bytes(SECRET)) not in shown
    assert checksum_address(KEY.address) in shown
    with pytest.raises(TypeError):
        pickle.dumps(KEY)


@pytest.mark.parametrize(
    "candidate",
    [
        b"",
        KEY.public_key[:-1],
        KEY.public_key + b"\0",
        b"\0" * 33,
        b"\x02" + b"\xff" * 32,
        b"\x04" + KEY.public_key[1:],
        b"\x05" + KEY.public_key[1:],
    ],
)
def test_points_off_the_curve_are_no_public_keys(candidate: bytes) -> None:
    assert not is_public_key(candidate)
    with pytest.raises(MalformedInput):
        address_of(candidate)


def test_an_uncompressed_point_is_no_public_key_here() -> None:
    uncompressed = coincurve.PublicKey(KEY.public_key).format(compressed=False)
    assert not is_public_key(uncompressed)
    with pytest.raises(MalformedInput):
        address_of(uncompressed)


def test_a_compressed_point_is_a_public_key() -> None:
    assert is_public_key(KEY.public_key)
    assert address_of(KEY.public_key) == KEY.address
