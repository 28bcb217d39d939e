"""Content ids, as IPFS writes them, of blocks in the dag-pb format: version 0, and version 1 of the same.

Source: the multiformats' CID, multihash, base58btc and multibase specifications.
"""

import base64
import binascii
import re
from contextlib import suppress
from typing import Final

from minirelay.errors import MalformedInput

DIGEST_BYTES: Final = 32

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {digit: value for value, digit in enumerate(_BASE58)}
_SHA256: Final = bytes([0x12, DIGEST_BYTES])
"""How a multihash of SHA-256 begins."""
_VERSION_1_DAG_PB: Final = bytes([1, 0x70])
_LENGTH_0: Final = 46
_LENGTH_1: Final = 59
"""The lengths that are possible: whatever is longer is not looked at."""
CID_BYTES: Final = max(_LENGTH_0, _LENGTH_1)
"""The length of the longest, as text."""
# Looking ahead only, so that none hides another one that begins within it.
_ANYWHERE: Final = re.compile(
    rb"(?=(Qm[1-9A-HJ-NP-Za-km-z]{%d}|b[a-z2-7]{%d}))" % (_LENGTH_0 - 2, _LENGTH_1 - 1)
)


def write_cid(digest: bytes) -> str:
    """Write the CID, version 0, of a dag-pb block. digest: SHA-256 of the block."""
    number, digits = int.from_bytes(_SHA256 + digest), ""
    while number:
        number, digit = divmod(number, len(_BASE58))
        digits = _BASE58[digit] + digits
    return digits


def write_cid_1(digest: bytes) -> str:
    """Write the CID, version 1 in base32, of a dag-pb block. digest: SHA-256 of the block."""
    return "b" + base64.b32encode(_VERSION_1_DAG_PB + _SHA256 + digest).decode().rstrip("=").lower()


def find_cids(data: bytes) -> set[bytes]:
    """Find the SHA-256 of every CID, of either version, that stands anywhere in some text.

    Whatever is around it: a URL, another letter. data: in UTF-8, or CBOR, whose texts are that.
    """
    found = set()
    for match in _ANYWHERE.finditer(data):
        with suppress(MalformedInput):
            found.add(read_cid(match[1].decode("ascii")))
    return found


def read_cid(text: str) -> bytes:
    """Read the SHA-256 of a dag-pb block out of its CID: version 0, or version 1 in base32.

    Raises MalformedInput.
    """
    multihash = _read_version_0(text) if text.startswith("Qm") else _read_version_1(text)
    if len(multihash) != len(_SHA256) + DIGEST_BYTES or not multihash.startswith(_SHA256):
        raise MalformedInput("not a CID with a SHA-256")
    return multihash[len(_SHA256) :]


def _read_version_0(text: str) -> bytes:
    if len(text) != _LENGTH_0:
        raise MalformedInput(f"a CID of version 0 has {_LENGTH_0} characters")
    number = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None:
            raise MalformedInput("a CID of version 0 is written in base58")
        number = number * len(_BASE58) + digit
    try:
        return number.to_bytes(len(_SHA256) + DIGEST_BYTES)
    except OverflowError as error:
        raise MalformedInput("not a CID with a SHA-256") from error


def _read_version_1(text: str) -> bytes:
    if len(text) != _LENGTH_1 or not text.startswith("b") or text != text.lower():
        raise MalformedInput("not a CID: it begins with Qm, or with b and is in base32")
    encoded = text[1:].upper()
    try:
        data = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    except (binascii.Error, ValueError) as error:
        raise MalformedInput("a CID of version 1 is written in base32") from error
    if not data.startswith(_VERSION_1_DAG_PB) or base64.b32encode(data).rstrip(b"=").decode() != encoded:
        raise MalformedInput("not the CID of a dag-pb block")
    return data[len(_VERSION_1_DAG_PB) :]
