"""What a request to enrol a key card says (spec 05): read strictly here, decided elsewhere."""

import base64
import re
from typing import Final, NamedTuple

import msgspec

from minirelay.errors import MalformedInput
from minirelay.protocol.json_reading import decode_json
from minirelay.protocol.sign_in import SignInMessage, parse, split_uri
from minirelay.protocol.signing import SIGNATURE_BYTES, address_of, is_public_key, recover

NONCE: Final = "00000000"
"""The nonce of every message: a key card can be enrolled only once."""

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_UINT256 = re.compile(r"[0-9]{1,78}")
_KEY_CARD = re.compile(r"(?:0x)?([0-9A-Fa-f]{66})")
_RESOURCES: Final = ("mass-relayid:", "mass-shopid:", "mass-keycard:")


class EnrolmentResources(NamedTuple):
    """What a message's resources name. key_card: 33 bytes, a point on the curve."""

    relay_token: int
    shop_id: int
    key_card: bytes


class _Body(msgspec.Struct):
    message: str
    signature: str


def open_enrolment(body: bytes) -> SignInMessage:
    """Read the body of a request and check who signed its message (step 1). Raises MalformedInput."""
    try:
        content = decode_json(body, _Body)
        signature = base64.b64decode(content.signature, validate=True)
    except (MalformedInput, ValueError) as error:
        raise MalformedInput(f"the body can't be used: {error}") from error
    if len(signature) != SIGNATURE_BYTES:
        raise MalformedInput(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    try:
        message = parse(content.message)
        signer = address_of(recover(content.message.encode(), signature))
    except MalformedInput as error:
        raise MalformedInput(f"not a signed sign-in message: {error}") from error
    if signer != message.address:
        raise MalformedInput("the message was not signed by the address that it names")
    return message


def origin_host(referer: str) -> str:
    """Take host and port from a Referer. Raises MalformedInput if it has none.

    Only its origin has to be a URI: browsers are lax about the rest.
    """
    origin = _ORIGIN.match(referer)
    try:
        host = split_uri(origin[0]).host if origin else ""
    except MalformedInput:
        host = ""
    if not host:
        raise MalformedInput("the Referer has no host")
    return host


def read_resources(resources: tuple[str, ...]) -> EnrolmentResources:
    """Read a message's resources (step 4): exactly three, in this order. Raises MalformedInput."""
    if len(resources) != len(_RESOURCES):
        raise MalformedInput(f"there are {len(resources)} resources instead of {len(_RESOURCES)}")
    for resource, prefix in zip(resources, _RESOURCES, strict=True):
        if not resource.startswith(prefix):
            raise MalformedInput(f"a resource does not begin with {prefix}")
    relay, shop, card = map(str.removeprefix, resources, _RESOURCES)
    return EnrolmentResources(_uint256(relay, "relay"), _uint256(shop, "shop"), _key_card(card))


def _uint256(digits: str, name: str) -> int:
    number = int(digits) if _UINT256.fullmatch(digits) else 2**256
    if number >= 2**256:
        raise MalformedInput(f"the {name} id is no decimal number below 2^256")
    return number


def _key_card(text: str) -> bytes:
    digits = _KEY_CARD.fullmatch(text)
    key_card = bytes.fromhex(digits[1]) if digits else b""
    if not is_public_key(key_card):
        raise MalformedInput("the key card is no compressed public key of secp256k1")
    return key_card
