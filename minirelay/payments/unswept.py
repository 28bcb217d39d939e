"""Money that lies at a payment address, and what people are told of it (spec 06, "sweep")."""

from typing import Final

import msgspec

from minirelay.payments.sweep_rules import Verdict
from minirelay.store.unswept import SweepCandidate


class Unswept(msgspec.Struct, frozen=True, kw_only=True):
    """Money that lies at the address of a request, and what can be done about it.

    chain_id: where it lies; perhaps another chain than the request's.
    """

    candidate: SweepCandidate
    chain_id: int
    address: bytes
    amount: int
    verdict: Verdict

    @property
    def is_elsewhere(self) -> bool:
        """Whether it lies on another chain than that of its request."""
        return self.chain_id != self.candidate.request.chain_id

    @property
    def why(self) -> str:
        """Say in words what the verdict means."""
        return _WHY_ELSEWHERE.get(self.verdict, WHY[self.verdict]) if self.is_elsewhere else WHY[self.verdict]


WHY: Final = {
    Verdict.SWEEP: "it can be sent to the payee",
    Verdict.WAIT: "only a part, before its time is over: the rest could still come, and would be lost",
    Verdict.LOCKED: "a token paid over and not swept in time: the contract never gives it away",
    Verdict.LEFT: "the address was swept before, which works only once: what lies there now stays there",
    Verdict.REFUSED: "tried without sending, it does not reach the payee as a whole; so nothing is sent",
    Verdict.UNREAD: "the token does not say what lies there; look again later",
    Verdict.UNTRIED: "there is no Multicall3 here, and the endpoint runs no code without it, so a sweep "
    "can't be tried first, and is not sent; set chains.<id>.multicall, or take another endpoint",
}
"""What people are told."""

_WHY_ELSEWHERE: Final = {
    Verdict.SWEEP: "it came on this chain, and its request is of another one; it can be sent to the payee's "
    "address here: see first that it is the payee's on this chain, too",
    Verdict.WAIT: "it came on this chain, and its request is of another one; the contract gives it back when "
    "the request's time is over",
}
