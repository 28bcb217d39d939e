"""The operator's decisions about payment requests: accept, dismiss (spec 06 "What the operator can do")."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from minirelay.errors import Refusal
from minirelay.operations.operator import NoSuchPayment, OperatorError
from minirelay.payments.decisions import acceptance, dismissal
from minirelay.payments.payment_watches import PaymentWatches
from minirelay.payments.settlement import SettlementTerms
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.ids import HASH_BYTES
from minirelay.relay.event_log import payment_fields
from minirelay.relay.own_write import Decide, OwnSets
from minirelay.shop.checkout_facts import FactsMissing
from minirelay.shop.issued_requests import IssuedRequest
from minirelay.store.payment_decisions import Decision, PaymentDecision
from minirelay.store.reader import Reader

log = logging.getLogger(__name__)

LEAST_DIGITS: Final = 4
_DIGITS: Final = 2 * HASH_BYTES

DecisionDocument = dict[str, str | int]


async def find_request(reader: Reader, named: str) -> IssuedRequest:
    """Find a payment request by its id, or the first digits of it, with 0x before them or not.

    Raises NoSuchPayment if there is none, or several begin so; StoreError.
    """
    digits = named.lower().removeprefix("0x")
    if len(digits) < LEAST_DIGITS:
        raise NoSuchPayment(f"{named}: name a request by at least {LEAST_DIGITS} digits")
    first, last = (bytes.fromhex(digits.ljust(_DIGITS, fill)) for fill in "0f")
    found = await reader.find_payment_requests(first, last)
    if not found:
        raise NoSuchPayment(f"there is no payment request {named}; `minirelay payments --all` lists them")
    if len(found) > 1:
        raise NoSuchPayment(
            f"several payment requests begin with {named}; `minirelay payments --json` has the whole ids"
        )
    return found[0].issued


class PaymentDecisions:
    """Has decisions written by the relay, with who made them, when and why."""

    def __init__(
        self,
        reader: Reader,
        watches: PaymentWatches,
        terms: SettlementTerms,
        now: Callable[[], datetime],
    ) -> None:
        """watches: what each chain's payments are decided by. now: the relay's clock."""
        self._reader = reader
        self._watches = watches
        self._terms = terms
        self._now = now

    async def decide(self, named: str, decision: str, who: str, reason: str) -> DecisionDocument:
        """Accept or dismiss a request; return what became of it, durably so.

        named: see `find_request`. decision: one of `Decision`. who: a user of the system. Raises
        NoSuchPayment, OperatorError, StoreError.
        """
        request = await find_request(self._reader, named)
        made = PaymentDecision(
            request_id=request.id,
            decision=Decision(decision),
            decided_by=who,
            reason=reason,
            decided_at=int(self._now().timestamp()),
        )
        written = await self._write(request, made)
        request = await find_request(self._reader, request.id.hex())
        extra = {"by": who, "reason": reason} | payment_fields(request.request.shop_id, request)
        log.info("the operator decided: %s", decision, extra=extra)
        return {
            "request": f"0x{request.id.hex()}",
            "shop": str(request.request.shop_id),
            "order": str(int.from_bytes(request.order_id)),
            "state": request.state.value,
            "is_order_paid_by_it": written is not None and bool(written.outcome.patches),
            "decision": decision,
            "by": who,
            "reason": reason,
        }

    async def _write(self, request: IssuedRequest, made: PaymentDecision) -> OwnSets | None:
        chain_id, shop_id = request.request.chain_id, request.request.shop_id
        watch = self._watches.of_chain(chain_id)
        if watch is None:
            raise OperatorError(f"chain {chain_id} is not configured; set chains.{chain_id}.rpc_urls")
        try:
            return await watch.decide_by_hand(shop_id, request, partial(self._decide, made))
        except Refusal as refusal:
            raise OperatorError(refusal.message) from refusal
        except FactsMissing as missing:
            raise OperatorError("what this needs is not known yet; try again in a moment") from missing

    def _decide(self, made: PaymentDecision, request: IssuedRequest, block: BlockId | None) -> Decide:
        if made.decision is Decision.ACCEPT:
            return acceptance(request, block, made, self._terms)
        return dismissal(request, made, self._terms)
