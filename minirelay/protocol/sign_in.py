"""Sign-In with Ethereum messages (ERC-4361), which enrol key cards (spec 05).

The grammar is read strictly, line by line. What the fields must say (domain, nonce, resources) is the relay's
business; that the signature over the exact text fits the address, too.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from minirelay.errors import MalformedInput
from minirelay.protocol.signing import checksum_address
from minirelay.protocol.timestamps import format_time, parse_time

_WANTS_YOU: Final = " wants you to sign in with your Ethereum account:"
_VERSION: Final = "1"

# RFC 3986, appendix A. Every repetition is of alternatives that begin differently, and none of them with what
# follows it, so matching is linear; possessive, it does not remember ways back either, 200 bytes for each.
_PERCENT = r"%[0-9A-Fa-f]{2}"
_REG_NAME = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|{_PERCENT})*+"
_USER_INFO = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|{_PERCENT})*+"
_HOST = rf"(?:\[[0-9A-Za-z\-._~!$&'()*+,;=:]+\]|{_REG_NAME})(?::[0-9]*)?"
_PCHAR = rf"[A-Za-z0-9\-._~!$&'()*+,;=:@]|{_PERCENT}"
_SCHEME = r"[A-Za-z][A-Za-z0-9+\-.]*"
_AUTHORITY = rf"//(?:{_USER_INFO}@)?({_HOST})(?=[/?#]|\Z)"
_URI = re.compile(
    rf"({_SCHEME}):(?:{_AUTHORITY}|(?!//))((?:{_PCHAR}|/)*+)"
    rf"(?:\?(?:{_PCHAR}|[/?])*+)?(?:#(?:{_PCHAR}|[/?])*+)?"
)
_DOMAIN = re.compile(rf"(?:({_SCHEME})://)?((?:{_USER_INFO}@)?{_HOST})")
_ADDRESS = re.compile(r"0x[0-9A-Fa-f]{40}")
_STATEMENT = re.compile(r"[ -~]+")
_CHAIN_ID = re.compile(r"[0-9]{1,78}")  # the digits of 2^256
_NONCE = re.compile(r"[A-Za-z0-9]{8,}")
_REQUEST_ID = re.compile(rf"(?:{_PCHAR})*+")


class Uri(NamedTuple):
    """The parts of a URI that matter here.

    host: in lower case, with the port if there is one, without user information; may be empty.
    """

    scheme: str
    host: str
    path: str


class SignInMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says.

    domain: as written, perhaps with a port. address: 20 bytes. statement: None when there is none.
    """

    domain: str
    address: bytes
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    scheme: str | None = None
    statement: str | None = None
    expiration_time: datetime | None = None
    not_before: datetime | None = None
    request_id: str | None = None
    resources: tuple[str, ...] = ()


def split_uri(text: str) -> Uri:
    """Take a URI (RFC 3986, with a scheme) apart. Raises MalformedInput."""
    match = _URI.fullmatch(text)
    if match is None:
        raise MalformedInput("not a URI")
    return Uri(match[1].lower(), (match[2] or "").lower(), match[3])


def parse(text: str) -> SignInMessage:
    """Read a message.

    Stricter or wider than the grammar in three places: an address is in lower case or has the right EIP-55
    checksum, a statement may have any printable ASCII (as the ERC says in words), and without a statement one
    blank line may stand for two. Raises MalformedInput. Time is linear in the input.
    """
    lines = _Lines(text.split("\n"))
    scheme, domain = _domain(lines.next())
    address = _address(lines.next())
    lines.expect("")
    message = SignInMessage(
        scheme=scheme,
        domain=domain,
        address=address,
        statement=_statement(lines),
        uri=_uri(lines.labelled("URI: ")),
        chain_id=_chain_id(lines),
        nonce=_matching(_NONCE, lines.labelled("Nonce: "), "nonce"),
        issued_at=parse_time(lines.labelled("Issued At: ")),
        expiration_time=_time(lines.optional("Expiration Time: ")),
        not_before=_time(lines.optional("Not Before: ")),
        request_id=_request_id(lines.optional("Request ID: ")),
        resources=_resources(lines),
    )
    lines.finish()
    return message


def render(message: SignInMessage) -> str:
    """Write a message. Raises MalformedInput if a field has no place in the grammar."""
    lines = [
        f"{message.scheme}://{message.domain}{_WANTS_YOU}" if message.scheme else message.domain + _WANTS_YOU,
        checksum_address(message.address),
        "",
        *(() if message.statement is None else (message.statement,)),
        "",
        f"URI: {message.uri}",
        f"Version: {_VERSION}",
        f"Chain ID: {message.chain_id}",
        f"Nonce: {message.nonce}",
        f"Issued At: {format_time(message.issued_at)}",
    ]
    if message.expiration_time is not None:
        lines.append(f"Expiration Time: {format_time(message.expiration_time)}")
    if message.not_before is not None:
        lines.append(f"Not Before: {format_time(message.not_before)}")
    if message.request_id is not None:
        lines.append(f"Request ID: {message.request_id}")
    if message.resources:
        lines.append("Resources:")
        lines += [f"- {resource}" for resource in message.resources]
    if any("\n" in line for line in lines):
        raise MalformedInput("a field has a line break")
    text = "\n".join(lines)
    parse(text)
    return text


class _Lines:
    """The lines of a message and how far they were read."""

    __slots__ = ("_at", "_lines")

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def peek(self, ahead: int = 0) -> str | None:
        place = self._at + ahead
        return self._lines[place] if place < len(self._lines) else None

    def next(self) -> str:
        line = self.peek()
        if line is None:
            raise MalformedInput("the message ends too early")
        self._at += 1
        return line

    def expect(self, line: str) -> None:
        if self.next() != line:
            raise MalformedInput("a line is missing" if line else "a blank line is missing")

    def optional(self, label: str) -> str | None:
        line = self.peek()
        if line is None or not line.startswith(label):
            return None
        self._at += 1
        return line[len(label) :]

    def labelled(self, label: str) -> str:
        rest = self.optional(label)
        if rest is None:
            raise MalformedInput(f"no {label.strip()} where it belongs")
        return rest

    def finish(self) -> None:
        if self.peek() is not None:
            raise MalformedInput("lines that have no place in the message")


def _matching(pattern: re.Pattern[str], text: str, name: str) -> str:
    if pattern.fullmatch(text) is None:
        raise MalformedInput(f"not a {name}")
    return text


def _domain(line: str) -> tuple[str | None, str]:
    match = _DOMAIN.fullmatch(line.removesuffix(_WANTS_YOU))
    if match is None or not line.endswith(_WANTS_YOU) or not match[2]:
        raise MalformedInput("no domain that wants you to sign in")
    return match[1], match[2]


def _address(line: str) -> bytes:
    address = bytes.fromhex(_matching(_ADDRESS, line, "address")[2:])
    if line not in (f"0x{address.hex()}", checksum_address(address)):
        raise MalformedInput("the checksum of the address is wrong")
    return address


def _statement(lines: _Lines) -> str | None:
    """Read the statement and the blank lines around it.

    A statement has a blank line behind it, whatever it looks like; a URI line does not.
    """
    if lines.peek() == "":
        lines.next()
        return None
    if lines.peek(1) != "":
        return None
    statement = _matching(_STATEMENT, lines.next(), "statement")
    lines.expect("")
    return statement


def _uri(text: str) -> str:
    split_uri(text)
    return text


def _chain_id(lines: _Lines) -> int:
    lines.expect(f"Version: {_VERSION}")
    return int(_matching(_CHAIN_ID, lines.labelled("Chain ID: "), "chain id"))


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _request_id(text: str | None) -> str | None:
    return None if text is None else _matching(_REQUEST_ID, text, "request id")


def _resources(lines: _Lines) -> tuple[str, ...]:
    if lines.peek() != "Resources:":
        return ()
    lines.next()
    resources = []
    while (resource := lines.optional("- ")) is not None:
        resources.append(_uri(resource))
    return tuple(resources)
