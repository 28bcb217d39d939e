"""What can go wrong, as one tree.

MinirelayError
├── Refusal               what a client is told: a code of the protocol, words, perhaps an object id
├── MalformedInput        bytes from outside that are not what they claim (INVALID, 400 or a close)
├── ProtocolViolation     a client broke the rules of the wire: its connection is closed with this code
├── StoreError            the database could not do what was asked; subclasses live in `store/`
├── StorageFull           the disk nears its floor: nothing that clients send is stored
├── PricesUnavailable     the source of prices could not be asked
├── ChainError            an endpoint or a contract could not be asked; subclasses live in `chain/`
├── WorkExceeded          judging was given up because of what it costs; lives in `shop/work.py`
├── FactsMissing          a set needs facts that are not known yet; lives in `shop/checkout_facts.py`
├── WebhookFailure        the operator's webhook did not take a post; lives in `operations/webhook_post.py`
└── ConfigError           a setting is missing or wrong; the message says which and what to do

Only `Refusal` is ever sent to a client. Everything else is a bug or the world: logged with its cause.
"""

from enum import IntEnum
from typing import TypeVar


class Code(IntEnum):
    """The error codes of the wire (spec 01). 0 is never sent."""

    NOT_FOUND = 1
    INVALID = 2
    NOT_AUTHENTICATED = 3
    ALREADY_AUTHENTICATED = 4
    ALREADY_CONNECTED = 5
    TOO_MANY_CONCURRENT_REQUESTS = 6
    UNLINKED_KEYCARD = 7
    MINIMUM_VERSION_NOT_REACHED = 8
    OUT_OF_STOCK = 9
    SIMULATED = 10
    CLOSE_SUBSCRIPTION = 11


E = TypeVar("E", bound=BaseException)


class MinirelayError(Exception):
    """The base of everything that minirelay raises on purpose."""


class Refusal(MinirelayError):
    """What a client is told instead of a success (spec 01, 04)."""

    def __init__(self, code: Code, message: str, object_id: int | None = None) -> None:
        """Make a refusal.

        code: what kind of refusal. message: in words, not empty. object_id: the one object to blame
        (uint64), with NOT_FOUND and OUT_OF_STOCK.
        """
        super().__init__(message)
        self.code = code
        self.message = message
        self.object_id = object_id


def invalid(message: str) -> Refusal:
    """Make the commonest refusal: INVALID, with a reason in words."""
    return Refusal(Code.INVALID, message)


def not_found(message: str, object_id: int | None = None) -> Refusal:
    """Make a NOT_FOUND, with the object to blame if there is one."""
    return Refusal(Code.NOT_FOUND, message, object_id)


class MalformedInput(MinirelayError):
    """Bytes from outside that are not well formed; the message says how."""


class ProtocolViolation(MinirelayError):
    """A client broke the rules of the wire (spec 01): its connection is closed."""

    def __init__(self, close_code: int, reason: str) -> None:
        """close_code: a WebSocket close code, 1002, 1008 or 1009. reason: in words, under 120 bytes."""
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason


class StoreError(MinirelayError):
    """The database could not do what was asked."""


class StorageFull(MinirelayError):
    """The disk nears its floor: what clients send is refused, and told so (spec 09, "Disk")."""

    def __init__(self) -> None:
        super().__init__("relay storage is full, try again later")


class ChainError(MinirelayError):
    """A chain could not be asked, or its answer could not be used."""


class PricesUnavailable(MinirelayError):
    """The source of prices has no usable answer. retry_after_s: how long it wants to be left alone."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ConfigError(MinirelayError):
    """A setting is missing or wrong."""


def bare(error: E) -> E:
    """Strip an error that is kept of the frames that it came through, and of the errors behind it.

    They hold what was being worked on, and often the error itself: a cycle that waits for the collector.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
