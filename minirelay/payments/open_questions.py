"""What has to be asked about payments before they can be decided about: proofs, arrivals, times (spec 06)."""

from collections.abc import Iterable

from minirelay.chain.findings import ChainReader, FoundLog
from minirelay.payments.last_look import arrived, times_of
from minirelay.payments.payment_events import EventKey, key_of
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.protocol.block_id import BlockId


class OpenQuestions:
    """Those of one chain; what a poll has no request left for, the next one asks."""

    def __init__(self, requests: WatchedRequests, target: PaymentTarget) -> None:
        self._requests = requests
        self._target = target
        self._emptied: dict[bytes, None] = {}

    def note_emptied(self, request_id: bytes) -> None:
        """Have it asked what had arrived at the address of a request before somebody emptied it."""
        self._emptied[request_id] = None

    async def judge(self, at: BlockId, reader: ChainReader) -> None:
        """Find out which events prove payments in coins. Raises ChainError."""
        for request_id in list(self._requests.unjudged):
            # If that fails, all others come before it the next time.
            del self._requests.unjudged[request_id]
            one = self._requests.get(request_id)
            if one is None:
                continue
            try:
                await self._judge_one(one, at, reader)
            finally:
                self._requests.touched[request_id] = None
                if one.events.unjudged:
                    self._requests.unjudged[request_id] = None

    async def _judge_one(self, one: WatchedPayment, at: BlockId, reader: ChainReader) -> None:
        while events := one.events.unjudged:
            proof = await self._target.prove(one.issued.request, events, reader, at)
            # That somebody has paid proves one payment, however many events are looked at.
            is_counted = proof is not None and proof.payer is not None and one.events.has_proof
            if proof is None or is_counted:
                for event in events:
                    one.events.judge(event, is_proven=False)
            else:
                one.events.judge(proof.event, is_proven=True)

    async def find_arrivals(self, reader: ChainReader) -> None:
        """Find out what of a token had arrived at addresses that were emptied. Raises ChainError."""
        for request_id in list(self._emptied):
            one = self._requests.get(request_id)
            block = None if one is None else one.balance.emptied_at
            if one is not None and block is not None:
                issued, ttl = one.issued, one.issued.request.ttl
                token, first = issued.request.currency, issued.issued_at_block
                found = await arrived(token, one.address, first, block.number, ttl, reader)
                one.balance.note_arrived(found or 0)
                self._requests.touched[request_id] = None
            del self._emptied[request_id]


async def find_late(
    logs: Iterable[tuple[WatchedPayment, FoundLog]], looked_at: int, reader: ChainReader
) -> set[EventKey]:
    """Find the events that came after their TTL, by the time of their block. Raises ChainError.

    looked_at: when all was looked at last, in epoch seconds. What the first poll after the TTL finds came in
    time, if the poll before was within it.
    """
    after = [(log, one.issued.request.ttl) for one, log in logs if looked_at > one.issued.request.ttl]
    times = await times_of([log.block for log, _ in after], reader)
    return {key_of(log) for log, ttl in after if times.get(log.block, ttl + 1) > ttl}
