"""A poll's findings, told to the requests that they are about (spec 06 "What counts")."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from minirelay.chain.findings import BalancesAt, Findings, FoundLog
from minirelay.payments.open_questions import OpenQuestions
from minirelay.payments.payment_events import EventKey, key_of
from minirelay.payments.payment_target import PaymentTarget
from minirelay.payments.states import SETTLES
from minirelay.payments.watched_payment import WatchedPayment
from minirelay.payments.watched_requests import WatchedRequests
from minirelay.shop.issued_requests import RequestState


class FindingsByRequest:
    """Tells the watched requests of one chain; nothing here waits."""

    def __init__(
        self,
        requests: WatchedRequests,
        target: PaymentTarget,
        questions: OpenQuestions,
        clock: Callable[[], int],
    ) -> None:
        """questions: gets those whose address was emptied. clock: the relay's, epoch seconds."""
        self._requests = requests
        self._target = target
        self._questions = questions
        self._clock = clock
        self._seen: set[bytes] = set()

    def of(self, log: FoundLog) -> WatchedPayment | None:
        """Return the request that a log is about; None if none is watched, or the log is older than it."""
        one = self._requests.get(self._target.request_id(log))
        if one is None or one.issued.state is RequestState.DISMISSED:
            return None
        return one if log.block.number >= one.issued.issued_at_block else None

    def of_each(self, logs: Iterable[FoundLog]) -> Iterable[tuple[WatchedPayment, FoundLog]]:
        """Yield the logs that are about watched requests, with these."""
        return ((one, log) for log in logs if (one := self.of(log)) is not None)

    def take_logs(self, findings: Findings, late: set[EventKey]) -> None:
        """Tell of all events. late: those that came after their TTL."""
        seen: dict[bytes, list[EventKey]] = defaultdict(list)
        for one, log in self.of_each(findings.seen):
            seen[one.id].append(key_of(log))
            one.events.see(log, is_in_time=key_of(log) not in late)
        for one, log in self.of_each(findings.deep):
            one.events.settle(log, is_in_time=key_of(log) not in late, is_proof=one.is_token)
            self._requests.note_event(one)
        for request_id in self._seen | seen.keys():
            watched = self._requests.get(request_id)
            if watched is not None:
                watched.events.keep_seen(seen.get(request_id, ()))
                self._requests.note_event(watched)
        self._seen = set(seen)

    def take_balances(self, found: BalancesAt) -> None:
        """Tell of what lies at the addresses now."""
        looked = []
        for balance in found.balances:
            one = self._requests.at(balance)
            if one is not None:
                looked.append(one.id)
                if one.balance.look(balance, found.block):
                    self._requests.touched[one.id] = None
        self._requests.schedule.looked(looked, self._clock())

    def settle_balances(self, found: BalancesAt) -> None:
        """Tell of what lay there in a block that is deep."""
        for balance in found.balances:
            one = self._requests.at(balance)
            if one is not None and balance.transaction_count is not None:
                one.balance.settle(balance, found.block)
                self._requests.touched[one.id] = None
                if one.balance.emptied_at is not None:
                    self._questions.note_emptied(one.id)

    def note_faults(self, faults: Mapping[bytes, str], listed: Sequence[bytes]) -> None:
        """Tell of tokens that do not say what lies at an address: whoever pays in them is not seen.

        listed: whose balances were asked for.
        """
        for one in map(self._requests.get, listed if faults else ()):
            if one is not None and one.issued.request.currency in faults and one.issued.state in SETTLES:
                one.balance.note_unreadable()
                self._requests.touched[one.id] = None
