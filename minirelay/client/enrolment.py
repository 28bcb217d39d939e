"""Enrolling a key card with a wallet's signature (spec 05 "Enrolling a key card", ERC-4361)."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import aiohttp
import msgspec
from yarl import URL

from minirelay.client.errors import EnrolmentRefused
from minirelay.client.http import asking, read_json
from minirelay.client.relay_info import RelayInfo
from minirelay.protocol.sign_in import SignInMessage, render

ENROLMENT_PATH: Final = "v4/enroll_key_card"
NONCE: Final = "00000000"
CREATED: Final = 201


class Wallet(Protocol):
    """What signs the message: a `PrivateKey`, or something of yours that asks a person."""

    @property
    def address(self) -> bytes:
        """Give the wallet's address, 20 bytes."""

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
            uri=str(base_url / ENROLMENT_PATH),
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
    endpoint = (url / ENROLMENT_PATH).with_query({"guest": "1"} if request.is_guest else {})
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
