"""What becomes of a client's messages, by the state of its session (spec 01, 05): the table, as data.

A cell says what is done, or the code of the refusal; and the state that follows, where it is another one.
What is in lower case is no message of a client, but what the runner of the session found out for it. From
every state `Session.close` leads to CLOSED, which takes nothing any more.

                               VISITOR                  CHALLENGED                 AUTHENTICATED
    AuthenticateRequest        find card                find card                  ALREADY_AUTHENTICATED
    card not found             NOT_FOUND                NOT_FOUND                  ALREADY_AUTHENTICATED
    card is taken              ALREADY_CONNECTED        ALREADY_CONNECTED          ALREADY_AUTHENTICATED
    card is free               challenge -> CHALLENGED  challenge -> CHALLENGED    ALREADY_AUTHENTICATED
    ChallengeSolvedRequest     INVALID                  check solution -> VISITOR  INVALID
    card claimed               answer -> AUTHENTICATED  answer -> AUTHENTICATED    ALREADY_AUTHENTICATED
    PatchSetWriteRequest       NOT_AUTHENTICATED        NOT_AUTHENTICATED          write
    GetBlobUploadURLRequest    NOT_AUTHENTICATED        NOT_AUTHENTICATED          name upload URL
    SubscriptionRequest        subscribe                subscribe                  subscribe
    SubscriptionCancelRequest  cancel                   cancel                     cancel
    PingRequest                INVALID                  INVALID                    INVALID
    SyncStatusRequest          INVALID                  INVALID                    INVALID
    SubscriptionPushRequest    INVALID                  INVALID                    INVALID
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from minirelay.errors import Code, Refusal
from minirelay.protocol import envelope as wire

ALREADY_CONNECTED: Final = "Already connected from this keyCard in another session"
UNKNOWN_CARD: Final = "Item not found"
"""Clients match these two texts (spec 05)."""


# Strings: the table is asked for every message, and their hashes cost no call.
class SessionState(StrEnum):
    """How far a session has come."""

    VISITOR = "visitor"
    CHALLENGED = "challenged"
    AUTHENTICATED = "authenticated"
    CLOSED = "closed"


class Action(StrEnum):
    """What a session does with what is not refused from the start."""

    FIND_CARD = "find card"
    CHALLENGE = "challenge"
    CHECK_SOLUTION = "check solution"
    AUTHENTICATE = "answer"
    WRITE = "write"
    NAME_UPLOAD_URL = "name upload URL"
    SUBSCRIBE = "subscribe"
    CANCEL = "cancel"


class Report(StrEnum):
    """What the runner found out for a session."""

    UNKNOWN_CARD = "card not found"
    TAKEN_CARD = "card is taken"
    FREE_CARD = "card is free"
    CLAIMED_CARD = "card claimed"


@dataclass(frozen=True, slots=True)
class Transition:
    """A cell. does: the action, or what the client is told. then: the next state, None for the same one."""

    does: Action | Refusal
    then: SessionState | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one kind of message, or of a report, in each state that is open."""

    visitor: Transition
    challenged: Transition
    authenticated: Transition

    @classmethod
    def same(cls, does: Action | Refusal) -> "Row":
        """Make a row of equal cells that change no state."""
        cell = Transition(does)
        return cls(cell, cell, cell)


Trigger = type[wire.Message] | Report


def _for_the_relay(message: str) -> Row:
    return Row.same(Refusal(Code.INVALID, f"{message} is for the relay to send, not for clients"))


_FIND: Final = Transition(Action.FIND_CARD)
_CHALLENGE: Final = Transition(Action.CHALLENGE, SessionState.CHALLENGED)
_CHECK: Final = Transition(Action.CHECK_SOLUTION, SessionState.VISITOR)
_CLAIMED: Final = Transition(Action.AUTHENTICATE, SessionState.AUTHENTICATED)
_NO_CARD: Final = Transition(
    Refusal(Code.NOT_AUTHENTICATED, "authenticate this session with a key card first")
)
_HAS_CARD: Final = Transition(Refusal(Code.ALREADY_AUTHENTICATED, "this session is already authenticated"))
_UNKNOWN: Final = Transition(Refusal(Code.NOT_FOUND, UNKNOWN_CARD))
_TAKEN: Final = Transition(Refusal(Code.ALREADY_CONNECTED, ALREADY_CONNECTED))
_NO_CHALLENGE: Final = Transition(
    Refusal(Code.INVALID, "there is no challenge to solve: send an auth request first")
)

TABLE: Final[Mapping[Trigger, Row]] = {
    wire.AuthenticateRequest: Row(_FIND, _FIND, _HAS_CARD),
    Report.UNKNOWN_CARD: Row(_UNKNOWN, _UNKNOWN, _HAS_CARD),
    Report.TAKEN_CARD: Row(_TAKEN, _TAKEN, _HAS_CARD),
    Report.FREE_CARD: Row(_CHALLENGE, _CHALLENGE, _HAS_CARD),
    wire.ChallengeSolvedRequest: Row(_NO_CHALLENGE, _CHECK, _NO_CHALLENGE),
    Report.CLAIMED_CARD: Row(_CLAIMED, _CLAIMED, _HAS_CARD),
    wire.PatchSetWriteRequest: Row(_NO_CARD, _NO_CARD, Transition(Action.WRITE)),
    wire.GetBlobUploadURLRequest: Row(_NO_CARD, _NO_CARD, Transition(Action.NAME_UPLOAD_URL)),
    wire.SubscriptionRequest: Row.same(Action.SUBSCRIBE),
    wire.SubscriptionCancelRequest: Row.same(Action.CANCEL),
    wire.PingRequest: _for_the_relay("a ping"),
    wire.SyncStatusRequest: _for_the_relay("a sync status"),
    wire.SubscriptionPushRequest: _for_the_relay("a push"),
}

TRANSITIONS: Final[Mapping[tuple[SessionState, Trigger], Transition]] = {
    (state, trigger): cell
    for trigger, row in TABLE.items()
    for state, cell in (
        (SessionState.VISITOR, row.visitor),
        (SessionState.CHALLENGED, row.challenged),
        (SessionState.AUTHENTICATED, row.authenticated),
    )
}
"""The same by state and trigger: where a session looks it up."""
