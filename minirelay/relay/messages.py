"""Every value that travels between the tasks of the relay, in one place.

    web ── frames ──► session ── Effect ──► connection ── WriteRequest ──► sequencer ── Commit ──► writer
                                                 ▲                             │
                                                 └──── answers, pushes ◄───────┴── StoredSet ──► feed

`Commit`, `StoredSet` and what lies in them are the store's (`store/messages.py`).
"""

from collections.abc import Callable

import msgspec

from minirelay.errors import Refusal, invalid
from minirelay.protocol.envelope import SubscriptionRequest
from minirelay.store.messages import KeyCard


class Enrolment(msgspec.Struct, frozen=True):
    """A key card that is to be enrolled, everything about it checked but what the shop's head knows.

    shop_id: Uint256. wallet: 20 bytes, the zero address for guests. key_card: 33 bytes.
    """

    shop_id: int
    wallet: bytes
    key_card: bytes
    is_guest: bool


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send this frame to the client. is_push: it is withdrawn if the key card is unlinked before it left."""

    frame: bytes
    is_push: bool = False


class HangUp(msgspec.Struct, frozen=True, gc=False):
    """Close the connection with this WebSocket close code and reason."""

    code: int
    reason: str


class FindCard(msgspec.Struct, frozen=True, gc=False):
    """Look a key card up, then call `Session.challenge`."""

    request_id: int
    public_key: bytes


class ClaimCard(msgspec.Struct, frozen=True, gc=False):
    """The client proved that it holds this card: make it the card's one live session, if it is free."""

    request_id: int
    card: KeyCard


class Write(msgspec.Struct, frozen=True, gc=False):
    """Hand a patch set to the sequencer of the card's shop."""

    request_id: int
    card: KeyCard
    patch_set: bytes


class NameUploadUrl(msgspec.Struct, frozen=True, gc=False):
    """Name a URL to which a file may be uploaded for the card's shop."""

    request_id: int
    card: KeyCard


class Subscribe(msgspec.Struct, frozen=True, gc=False):
    """Start a subscription, in the role that the session has now (card None: visitor)."""

    request_id: int
    card: KeyCard | None
    request: SubscriptionRequest


class CancelSubscription(msgspec.Struct, frozen=True, gc=False):
    """End a subscription and answer."""

    request_id: int
    subscription_id: bytes


class DropSubscription(msgspec.Struct, frozen=True):
    """End a subscription because a push of it was answered with an error."""

    subscription_id: bytes


class MoreRoom(msgspec.Struct, frozen=True):
    """Acknowledgements came in: pushes may go on."""


Effect = (
    Send
    | HangUp
    | FindCard
    | ClaimCard
    | Write
    | NameUploadUrl
    | Subscribe
    | CancelSubscription
    | DropSubscription
    | MoreRoom
)

Outcome = bytes | Refusal
"""What a write comes to: the shop's root hash after it, or why not."""


def own_fault() -> Refusal:
    """Make what a client hears when a bug kept its request from being answered; the log has the bug."""
    return invalid("the relay failed on this request; its operator finds the reason in the log")


def call(tell: Callable[[], None]) -> None:
    """Call what logs something, as nobody's."""
    tell()


class WriteRequest(msgspec.Struct, frozen=True):
    """A client's write on its way to the sequencer.

    settle is called exactly once, when the outcome is durable. has_ended: says whether its session is over.
    log_as: calls what logs something about it so that the lines name session and request; from any thread.
    """

    card: KeyCard
    patch_set: bytes
    settle: Callable[[Outcome], None]
    has_ended: Callable[[], bool]
    log_as: Callable[[Callable[[], None]], None] = call
