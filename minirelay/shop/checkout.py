"""What a client's patch set causes beside what it says (spec 06): reservations, requests, cancellations.

This is policy, decided once. What comes of it is written as the relay's patches, behind the client's and in
the same transaction, so that a replay needs neither the clock nor rates nor these records.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from enum import Enum
from typing import Final

import msgspec

from minirelay.errors import invalid
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.patch_set import Patch
from minirelay.shop import counted_loading
from minirelay.shop.checkout_facts import Fact, Facts, FactsMissing
from minirelay.shop.checkout_records import CheckoutChanges, CheckoutLimits, CheckoutRecords, RecordChanges
from minirelay.shop.draft import Draft
from minirelay.shop.issued_requests import MAY_SETTLE, IssuedRequest, Place, RequestState
from minirelay.shop.live_orders import Content
from minirelay.shop.objects import Manifest, Order
from minirelay.shop.order_life import check_client_write
from minirelay.shop.order_states import IN_CHECKOUT, STATE_FIELD, OrderState
from minirelay.shop.ownership import Author, Ownership
from minirelay.shop.payment_choice import PaymentChoices
from minirelay.shop.payment_details import ListingSnapshot
from minirelay.shop.regions import destination, match_region
from minirelay.shop.relay_sets import OrderPatches, cancel_patches
from minirelay.shop.state import ShopState
from minirelay.shop.work import Work

ADDRESS_FIELDS: Final = frozenset({"InvoiceAddress", "ShippingAddress"})


class AlertKind(Enum):
    """What the operator is told about."""

    WITHDRAWN_PAYEE = "withdrawn payee"
    WITHDRAWN_CURRENCY = "withdrawn currency"
    SUPERSEDED_WITH_MONEY = "superseded with money"


class CheckoutAlert(msgspec.Struct, frozen=True):
    """Something that a person has to know. place: the payee or currency. request_ids: PaymentIDs."""

    kind: AlertKind
    place: Place
    request_ids: tuple[bytes, ...]


class CheckoutOutcome(msgspec.Struct, frozen=True):
    """What an accepted set causes, or the relay does by itself.

    patches: the relay's, in order, by order. records: what to store and to enter. snapshots: listings as they
    were sold, to be kept by their hash. manifest: as the set leaves it, None if it did not change it.
    """

    patches: tuple[OrderPatches, ...] = ()
    records: RecordChanges = RecordChanges()
    snapshots: tuple[ListingSnapshot, ...] = ()
    alerts: tuple[CheckoutAlert, ...] = ()
    manifest: Manifest | None = None


NOTHING: Final = CheckoutOutcome((), RecordChanges({}, {}, {}, frozenset(), ()), (), ())
"""What a set causes that touches no order, leaves the manifest as it is, and lets nothing vanish."""


class Checkout:
    """The policy for one set of a guest or a clerk: a `Policy` of `apply_patch_set`.

    It follows the set patch by patch, then says what the whole of it causes. Another one is made for each
    set, and for each time that a set is judged.
    """

    def __init__(
        self,
        records: CheckoutRecords,
        author: Author,
        owners: Mapping[bytes, int],
        facts: Facts,
        limits: CheckoutLimits,
        work: Work | None = None,
        own_work: Work | None = None,
    ) -> None:
        """Begin before the first patch.

        records: of the shop, which stay as they are. author, owners, work: as for `apply_patch_set`.
        own_work: counts the relay's cancellations and withdrawals, which nobody may be refused for (spec 06,
        "Paid"); without it, `work` does.
        """
        self._work = Work() if work is None else work
        self._own_work = self._work if own_work is None else own_work
        self._author = author
        self._owners = owners
        self._ownership: Ownership | None = None
        self._facts = facts
        self._limits = limits
        self._records = records
        self._begun: CheckoutChanges | None = None
        self._draft: Draft | None = None
        self._state: OrderState | None = None
        self._before: dict[bytes, OrderState | None] = {}
        self._cards: dict[bytes, int] = {}
        self._addressed: dict[bytes, None] = {}
        self._alerts: list[CheckoutAlert] = []

    @property
    def _changes(self) -> CheckoutChanges:
        """Begin to change the records; most sets never do."""
        if self._begun is None:
            self._begun = CheckoutChanges(
                self._records, self._facts.now, self._limits, self._work, self._own_work
            )
        return self._begun

    def before(self, draft: Draft, patch: Patch) -> None:
        """Note the state that an order is in."""
        if patch.object_type is ObjectType.ORDER:
            self._state = draft.order_before(patch.object_id)
            self._before.setdefault(patch.object_id, self._state)

    def after(self, draft: Draft, patch: Patch) -> None:
        """Refuse what a client may not do to an order; reserve for one that was committed, or give back.

        Raises Refusal, WorkExceeded.
        """
        if patch.object_type is not ObjectType.ORDER:
            return
        order = draft.order(patch.object_id)
        check_client_write(self._state, patch, order)
        if self._ownership is None:
            self._ownership = Ownership(self._owners)
        self._cards[patch.object_id] = self._ownership.note(patch, self._author)
        self._follow(draft, patch, order)

    def end(self, draft: Draft) -> None:
        """Keep what the whole set made of the shop, for `outcome`."""
        self._draft = draft

    def _follow(self, draft: Draft, patch: Patch, order: Order | None) -> None:
        order_id, field = patch.object_id, patch.fields[0] if patch.fields else None
        if order is None or order.state is OrderState.CANCELED:
            self._changes.close(order_id)
        elif field in ADDRESS_FIELDS:
            self._addressed[order_id] = None
        elif field is None or field == STATE_FIELD:
            self._changes.follow(order_id, order, self._cards[order_id])
            if field is not None and self._state is not order.state:
                self._move(draft, order_id, order)

    def _move(self, draft: Draft, order_id: bytes, order: Order) -> None:
        if order.state is OrderState.COMMITTED:
            self._changes.reservations.commit(order_id, self._cards[order_id], order.items, draft)
        elif order.state is OrderState.OPEN:
            self._changes.reservations.reopen(order_id)

    def outcome(self, before: ShopState, after: ShopState) -> CheckoutOutcome:
        """Return what the whole set causes.

        before, after: the states that it was applied to, and that it left. Raises Refusal, FactsMissing,
        WorkExceeded.
        """
        shop = self._draft
        if shop is None:
            raise RuntimeError("nothing is known of a set that was not applied")
        has_new_manifest = after.manifest != before.manifest
        if not (self._cards or shop.vanished or has_new_manifest):
            return NOTHING
        canceled = self._orders_with(shop.vanished)
        if has_new_manifest:
            self._withdraw(_manifest(before, self._work), shop.manifest)
        anew = [
            order_id
            for order_id in self._addressed
            if order_id not in canceled and self._supersede(shop, before, order_id)
        ]
        choices = PaymentChoices(shop, after, self._changes, self._facts, self._limits, self._work)
        patches = self._answers(shop, choices, anew, canceled)
        patches += [self._cancel(after, order_id) for order_id in sorted(canceled)]
        return CheckoutOutcome(
            tuple(patches),
            self._changes.finish(),
            tuple(choices.snapshots.values()),
            tuple(self._alerts),
            shop.manifest if has_new_manifest else None,
        )

    def _orders_with(self, vanished: Set[Content]) -> set[bytes]:
        found: set[bytes] = set()
        for content in vanished:
            found |= self._changes.live_orders.containing(content, self._own_work)
        return found

    def _withdraw(self, before: Manifest | None, after: Manifest | None) -> None:
        """Withdraw open requests for payees and in currencies that the manifest has no more."""
        if before is None or after is None:
            return
        requests = self._changes.requests
        for payee in sorted(_places(before.payees) - _places(after.payees)):
            self._withdraw_all(AlertKind.WITHDRAWN_PAYEE, payee, requests.open_for_payee(payee))
        gone = _places(before.accepted_currencies) - _places(after.accepted_currencies)
        for currency in sorted(gone):
            self._withdraw_all(AlertKind.WITHDRAWN_CURRENCY, currency, requests.open_in_currency(currency))

    def _withdraw_all(self, kind: AlertKind, place: Place, rows: Iterable[IssuedRequest]) -> None:
        # What was seen of enough money already, settles.
        withdrawn = [row for row in rows if row.state is not RequestState.SEEN]
        for row in withdrawn:
            self._changes.requests.put(row, RequestState.WITHDRAWN)
            self._changes.review_hold(row.order_id, row.card)
        if withdrawn:
            self._alerts.append(CheckoutAlert(kind, place, tuple([row.id for row in withdrawn])))

    def _supersede(self, shop: Draft, before: ShopState, order_id: bytes) -> bool:
        """Supersede the open requests that were priced for another region than an address now leads to.

        Return whether there were any. A change that can't lead elsewhere, like that of a name, supersedes
        nothing, whatever became of the shop's regions.
        """
        order = shop.order(order_id)
        if self._before[order_id] is not OrderState.UNPAID or order is None or order.state not in IN_CHECKOUT:
            return False
        if _leads_to(order) == _leads_to(_load_order(before, order_id, self._work)):
            return False
        region = self._region_name(shop.manifest, order)
        requests = self._changes.requests.of_order(order_id)
        # Unproven ones, too: an event that proves nothing would keep the price of another region.
        others = [row for row in requests if row.state in MAY_SETTLE and row.region != region]
        for row in others:
            self._changes.requests.put(row, RequestState.SUPERSEDED)
            if row.state is not RequestState.WAITING:
                self._alerts.append(CheckoutAlert(AlertKind.SUPERSEDED_WITH_MONEY, row.payee, (row.id,)))
        self._changes.review_hold(order_id, self._cards[order_id])
        return bool(others)

    def _region_name(self, manifest: Manifest | None, order: Order) -> str | None:
        address = destination(order)
        if manifest is None or address is None:
            return None
        found = match_region(manifest.shipping_regions, address, self._work)
        return None if found is None else found[0]

    def _answers(
        self, shop: Draft, choices: PaymentChoices, anew: Sequence[bytes], canceled: Set[bytes]
    ) -> list[OrderPatches]:
        """Answer the choices of a set, in the order in which it touched the orders."""
        patches: list[OrderPatches] = []
        missing: set[Fact] = set()
        to_price = frozenset(anew)
        for order_id, card in self._cards.items():
            order = shop.order(order_id)
            if order is None or order_id in canceled:
                continue
            try:
                if order.state is OrderState.PAYMENT_CHOSEN:
                    patches.append(choices.choose(order_id, order, card))
                elif order_id in to_price:
                    patches.append(choices.price_anew(order_id, order, card))
            except FactsMissing as error:
                missing |= error.facts
        if missing:
            raise FactsMissing(missing)
        return patches

    def _cancel(self, after: ShopState, order_id: bytes) -> OrderPatches:
        order = _load_order(after, order_id, self._own_work)
        self._changes.close(order_id, self._own_work)
        return cancel_patches(order_id, order.canceled_at is not None, self._facts.now)


def choose_again(
    records: CheckoutRecords,
    state: ShopState,
    order_id: bytes,
    card: int,
    facts: Facts,
    limits: CheckoutLimits,
    work: Work | None = None,
) -> CheckoutOutcome:
    """Do for an unpaid order what its customer's choosing again would (spec 06, "A swept address is dead").

    order_id: 8 bytes. card: row id of the guest's card that created it, NOBODY for others. The request that
    no customer may be sent to any more is_dead in the records. Raises Refusal, FactsMissing, WorkExceeded.
    """
    work = Work() if work is None else work
    shop, changes = Draft(state, work), CheckoutChanges(records, facts.now, limits, work)
    order = shop.order(order_id)
    if order is None or order.state is not OrderState.UNPAID:
        raise invalid("the order is not to be paid")
    choices = PaymentChoices(shop, state, changes, facts, limits, work)
    patches = choices.choose(order_id, order, card)
    return CheckoutOutcome((patches,), changes.finish(), tuple(choices.snapshots.values()), ())


def _load_order(state: ShopState, order_id: bytes, work: Work) -> Order:
    data = state.get(ObjectType.ORDER, order_id)
    if data is None:
        raise RuntimeError("an order that checkout knows of is not in the state")
    return counted_loading.load(Order, data, work)


def _manifest(state: ShopState, work: Work) -> Manifest | None:
    return None if state.manifest is None else counted_loading.load(Manifest, state.manifest, work)


def _places(by_chain: Mapping[int, Mapping[bytes, object]]) -> set[Place]:
    return {(chain_id, address) for chain_id, addresses in by_chain.items() for address in addresses}


def _leads_to(order: Order) -> tuple[str, str, str] | None:
    address = destination(order)
    return None if address is None else (address.country, address.postal_code, address.city)
