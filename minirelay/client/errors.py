"""What can go wrong for a client, as one tree.

MinirelayError
└── ClientError              the base of all that `minirelay.client` raises; itself: asked for what can't be
    ├── RelayUnreachable     no connection came about, or an HTTP request was not answered
    ├── ConnectionLost       there is no connection, or it ended before the answer came
    │   ├── WriteUnanswered  so did a write that had left: it may have been applied, or not
    │   └── RelayMisbehaved  the client ended it, since the relay broke the rules of the wire
    ├── RelayRefused         the relay's answer is an error: code, message, perhaps the object to blame
    ├── LogRestored          the relay was restored from a backup, and has not all that this client knows
    ├── EnrolmentRefused     the relay did not enrol a key card: HTTP status and reason
    ├── UploadRefused        the relay did not take a blob: HTTP status and reason
    ├── BlobUnavailable      a blob was not given: HTTP status and reason
    ├── WrongBlob            what was given for a CID is another file
    ├── VerificationFailed   the relay pushed something that is not what it claims to be
    │   └── UntrustedSigner  signed by a key that may not write that
    ├── PaymentMismatch      payment details are not what the order asks for: don't pay
    └── ChainUnavailable     the chain could not be asked
        └── RegistryUnavailable  who the relay is
"""

from typing import Final

from minirelay.errors import Code, MinirelayError

_CODES: Final = frozenset(Code)


class ClientError(MinirelayError):
    """The base of all that the client raises on purpose."""


class RelayUnreachable(ClientError):
    """No connection came about, or an HTTP request was not answered."""

    def __init__(self, message: str, status: int | None = None, retry_after_s: float | None = None) -> None:
        """status: of the HTTP answer, if any. retry_after_s: how long the relay wants to be left alone."""
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class ConnectionLost(ClientError):
    """There is no connection, or it ended before the answer came."""

    def __init__(self, reason: str, close_code: int | None = None) -> None:
        """close_code: of the WebSocket, if it was closed with one."""
        super().__init__(reason)
        self.reason = reason
        self.close_code = close_code


class WriteUnanswered(ConnectionLost):
    """The connection ended between a write and its answer: it may have been applied, or not.

    To find out, see "Writes that were not answered" in docs/client.md.
    """

    def __init__(self, patch_set: bytes, lost: ConnectionLost) -> None:
        """patch_set: the signed bytes that were sent."""
        super().__init__(lost.reason, lost.close_code)
        self.patch_set = patch_set


class RelayMisbehaved(ConnectionLost):
    """The relay broke the rules of the wire (spec 01), so the client ended the connection."""


class RelayRefused(ClientError):
    """The relay answered a request with an error."""

    def __init__(self, code: int, message: str, object_id: int | None = None, hint: str = "") -> None:
        """code: a `Code`, or a number that this version does not know. object_id: the object to blame.

        hint: what it means here, in words of this client.
        """
        self.code = Code(code) if code in _CODES else code
        name = self.code.name if isinstance(self.code, Code) else f"error {code}"
        super().__init__(f"{name}: {message}{f' ({hint})' if hint else ''}")
        self.message = message
        self.object_id = object_id


class LogRestored(ClientError):
    """The relay was restored from a backup and has lost some of what this client knows: begin again from 0.

    What was lost is nowhere but in this client, which may have to write it again. See docs/client.md.
    """

    def __init__(self, seq: int) -> None:
        """seq: of the last set that this client knows."""
        super().__init__(
            f"patch set {seq} is gone, since the relay was restored from a backup: begin again from 0"
        )
        self.seq = seq


class EnrolmentRefused(ClientError):
    """The relay did not enrol a key card (spec 05 tells what each status means)."""

    def __init__(self, status: int, reason: str) -> None:
        """status: of the HTTP answer."""
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class UploadRefused(ClientError):
    """The relay did not take a blob (spec 08)."""

    def __init__(self, status: int, reason: str) -> None:
        """status: of the HTTP answer."""
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class BlobUnavailable(ClientError):
    """The relay did not give a blob (spec 08)."""

    def __init__(self, status: int, reason: str) -> None:
        """status: of the HTTP answer."""
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class WrongBlob(ClientError):
    """What came is not the file that its CID names. Don't show it."""


class VerificationFailed(ClientError):
    """A pushed patch set is not what it claims to be. Don't go on with this relay without finding out why."""

    def __init__(self, seq: int, reason: str) -> None:
        """seq: the sequence number that the relay gave the set."""
        super().__init__(f"patch set {seq}: {reason}")
        self.seq = seq
        self.reason = reason


class UntrustedSigner(VerificationFailed):
    """A pushed patch set was signed by a key that may not write that."""

    def __init__(self, seq: int, signer: bytes, reason: str) -> None:
        """signer: the recovered key, 33 bytes."""
        super().__init__(seq, reason)
        self.signer = signer


class PaymentMismatch(ClientError):
    """What is to be paid is not what the order asks for. Don't pay."""


class ChainUnavailable(ClientError):
    """The chain could not be asked. Not a "no": asking again may help."""


class RegistryUnavailable(ChainUnavailable):
    """The chain could not be asked who the relay is. Not a "no": asking again may help."""
