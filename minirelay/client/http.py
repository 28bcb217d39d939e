"""What is asked of a relay over HTTP, beside the session: who it is, enrolling, uploading (spec 05, 08).

Bodies are bounded, and what goes wrong is an error that a client of this package expects.
"""

import asyncio
import io
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import aiohttp
import msgspec
from yarl import URL

from minirelay.blobs.cid import read_cid
from minirelay.blobs.unixfs import DagBuilder
from minirelay.client.errors import (
    BlobUnavailable,
    ClientError,
    EnrolmentRefused,
    RelayUnreachable,
    UploadRefused,
    WrongBlob,
)
from minirelay.errors import MalformedInput
from minirelay.protocol.paths import BLOBS_PATH, DISCOVERY_PATH, ENROLMENT_PATH, INFO_PATH
from minirelay.protocol.sign_in import SignInMessage, render

MAX_ANSWER_BYTES: Final = 16 * 1024
"""No JSON of this length nests deep enough to exhaust the stack, whatever recursion limit is set."""


async def read_body(response: aiohttp.ClientResponse, most_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """Read a whole body. Raises ValueError if it is longer than that."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            raise ValueError(f"the answer is longer than {most_bytes} bytes")
    return bytes(body)


@asynccontextmanager
async def asking(url: URL) -> AsyncIterator[None]:
    """Turn what goes wrong with a request to the relay in this block into RelayUnreachable."""
    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, RecursionError) as error:
        raise RelayUnreachable(f"{url} gave no usable answer: {error or type(error).__name__}") from error


async def read_json(response: aiohttp.ClientResponse) -> Any:
    """Read a JSON body, whatever its content type. Raises ValueError, RecursionError."""
    return msgspec.json.decode(await read_body(response))


# -- who the relay is

_TOKEN: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")


@dataclass(frozen=True, slots=True)
class RelayInfo:
    """The relay's token and its registry chain. By its own word: good for enrolling, not for trusting it."""

    relay_token_id: int
    registry_chain_id: int


async def fetch_info(http: aiohttp.ClientSession, base_url: URL) -> RelayInfo:
    """Ask the info document, or else what relays under development have for that. Raises RelayUnreachable."""
    for path, chain in ((INFO_PATH, "registry_chain_id"), (DISCOVERY_PATH, "chain_id")):
        url = base_url if path == INFO_PATH else base_url / path[1:]
        async with asking(url), http.get(url, headers={"Accept": "application/json"}) as response:
            document = await read_json(response) if response.ok and _is_json(response) else None
        info = _read_info(document, chain)
        if info is not None:
            return info
    raise RelayUnreachable(f"{base_url} does not say which relay it is")


def _is_json(response: aiohttp.ClientResponse) -> bool:
    return response.content_type == "application/json"


def _read_info(document: Any, chain: str) -> RelayInfo | None:
    match document:
        case {"relay_token_id": str(token), **rest}:
            chain_id = rest.get(chain)
            if _TOKEN.fullmatch(token) and isinstance(chain_id, int):
                return RelayInfo(int(token, 16), chain_id)
    return None


# -- enrolling

NONCE: Final = "00000000"
CREATED: Final = 201
_OK: Final = 200


class Wallet(Protocol):
    """What signs the message: a `PrivateKey`, or something of yours that asks a person."""

    @property
    def address(self) -> bytes:
        """Return the wallet's address, 20 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Sign an Ethereum personal message (EIP-191). Returns 65 bytes r || s || v."""


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """Who wants to enrol which key card (33 bytes), as what, in which shop of which relay."""

    relay: RelayInfo
    shop_id: int
    key_card: bytes
    is_guest: bool


def enrolment_text(request: EnrolmentRequest, wallet: bytes, base_url: URL, now: datetime) -> str:
    """Write the text that the wallet signs. wallet: 20 bytes. base_url: as the relay knows itself."""
    return render(
        SignInMessage(
            domain=base_url.host_port_subcomponent or "",
            address=wallet,
            statement=f"keyCard: 0x{request.key_card.hex()}",
            uri=str(base_url / ENROLMENT_PATH[1:]),
            chain_id=request.relay.registry_chain_id,
            nonce=NONCE,
            issued_at=now,
            resources=(
                f"mass-relayid:{request.relay.relay_token_id}",
                f"mass-shopid:{request.shop_id}",
                f"mass-keycard:0x{request.key_card.hex()}",
            ),
        )
    )


async def enrol(
    http: aiohttp.ClientSession, url: URL, request: EnrolmentRequest, wallet: Wallet, base_url: URL
) -> None:
    """Enrol a key card.

    url: where the relay is. base_url: what it calls itself, which the message has to name. Raises
    EnrolmentRefused, RelayUnreachable.
    """
    text = enrolment_text(request, wallet.address, base_url, datetime.now(UTC))
    signature = b64encode(wallet.sign(text.encode())).decode()
    endpoint = (url / ENROLMENT_PATH[1:]).with_query({"guest": "1"} if request.is_guest else {})
    body = msgspec.json.encode({"message": text, "signature": signature})
    async with asking(endpoint), http.post(endpoint, data=body) as response:
        if response.status == CREATED:
            return
        raise EnrolmentRefused(response.status, await read_reason(response))


async def read_reason(response: aiohttp.ClientResponse) -> str:
    """Read why the relay says no; its HTTP reason phrase, if what it says is not its usual JSON."""
    try:
        document = await read_json(response)
    except (ValueError, RecursionError):
        return response.reason or "no reason given"
    return str(document["error"]) if isinstance(document, dict) and "error" in document else str(document)


# -- blobs


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob. ipfs_path: /ipfs/ and its CID, for any reader. url: where this relay serves it."""

    ipfs_path: str
    url: str


async def upload(http: aiohttp.ClientSession, where: bytes, content: bytes) -> Blob:
    """Upload bytes. where: the URL that the relay gave. Raises UploadRefused, RelayUnreachable."""
    url = _upload_url(where)
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(content), filename="file", content_type="application/octet-stream")
    async with asking(url), http.post(url, data=form) as response:
        if response.status != CREATED:
            raise UploadRefused(response.status, await read_reason(response))
        document = await read_json(response)
    match document:
        case {"ipfs_path": str(ipfs_path), "url": str(served_at)}:
            return Blob(ipfs_path, served_at)
    raise RelayUnreachable(f"{url} gave no usable answer: no ipfs_path and url", CREATED)


MAX_BLOB_BYTES: Final = 32 * 1024 * 1024
"""What relays take at most, unless they are set otherwise."""


async def fetch_blob(
    http: aiohttp.ClientSession, relay: URL, ipfs_path: str, most_bytes: int = MAX_BLOB_BYTES
) -> bytes:
    """Fetch a blob from a relay, and check that it is the one.

    relay: its URL. ipfs_path: /ipfs/ and a CID, of either version, or that alone. Raises ClientError for what
    is no CID, BlobUnavailable, WrongBlob, RelayUnreachable (also if it is longer than that).
    """
    cid = ipfs_path.removeprefix(BLOBS_PATH)
    try:
        digest = read_cid(cid)
    except MalformedInput as error:
        raise ClientError(f"{ipfs_path!r} names no file: {error}") from error
    url = relay / f"{BLOBS_PATH}{cid}"[1:]
    async with asking(url), http.get(url, allow_redirects=False) as response:
        if response.status != _OK:
            raise BlobUnavailable(response.status, await read_reason(response))
        content = await read_body(response, most_bytes)
    if await asyncio.to_thread(_root_of, content) != digest:
        raise WrongBlob(f"{url} gave another file")
    return content


def _root_of(content: bytes) -> bytes:
    builder = DagBuilder()
    for _ in builder.add(content):
        pass
    for _ in builder.finish():
        pass
    return builder.root.hash


def _upload_url(text: bytes) -> URL:
    try:
        return URL(text.decode())
    except ValueError as error:
        raise RelayUnreachable(f"the relay gave no usable upload URL: {error}") from error
