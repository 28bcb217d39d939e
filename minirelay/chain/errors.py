"""What can go wrong with a chain, as one tree.

ChainError (errors.py)
├── EndpointFailure       one endpoint could not be used; another one is tried
│   ├── UnusableAnswer        it answered, with more than was asked for or something else
│   │   └── AnswerTooLong         with more
│   ├── RateLimited           it was asked too often
│   └── NoAnswerInTime        it took too long
├── ContractFault         a contract has no usable answer, where the endpoint has one for another
├── BudgetSpent           a poll has asked as often as it may; the next one goes on
├── ChainUnreachable      none of the chain's endpoints could be used: nothing is known, least of all a "no"
├── NodeRefused           the node understood and said no: a transaction that it doesn't take, for instance
├── Reverted              the contract said no: that is an answer
├── WrongContract         there is another contract at the address; a ConfigError too
├── WalletUnfunded        the wallet can't pay for a transaction
└── TransactionFailed     a transaction was sent and failed
    └── TransactionPending    it was not mined in time, and still may be
"""

from minirelay.errors import ChainError, ConfigError
from minirelay.protocol.json_rpc import RpcError


class EndpointFailure(ChainError):
    """One endpoint could not be used. retry_after_s: how long it wants to be left alone, if it said so."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnusableAnswer(EndpointFailure):
    """It answered something that can't be read, or too much of it; what was asked about may be the reason."""


class AnswerTooLong(UnusableAnswer):
    """It answered with more than was asked for."""


class RateLimited(EndpointFailure):
    """It was asked too often."""


class NoAnswerInTime(EndpointFailure):
    """It took too long."""


class ContractFault(ChainError):
    """A contract has no answer that can be used; the endpoint works."""


class BudgetSpent(ChainError):
    """A poll has made as many requests as it may."""


class ChainUnreachable(ChainError):
    """None of the endpoints of a chain could be used; the message says why, for each."""


class NodeRefused(ChainError):
    """A node answered with an error."""

    def __init__(self, error: RpcError) -> None:
        super().__init__(error.words)
        self.error = error


class Reverted(ChainError):
    """A contract reverted the call."""


class WrongContract(ChainError, ConfigError):
    """Another contract is at the address; the message names the setting."""


class WalletUnfunded(ChainError):
    """The wallet can't pay; the message says what to send where."""


class TransactionFailed(ChainError):
    """A transaction was sent, and failed; or another one was mined in its place."""


class TransactionPending(TransactionFailed):
    """A transaction was sent, and not mined in time; it still may be."""
