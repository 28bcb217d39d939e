"""What a payment choice has to satisfy, and what it is answered with (spec 06 "Payment choice", 07 "Prices").

The checks stand in the spec's order, because clients are told the first that fails.
"""

from typing import Final, TypeVar

import msgspec

from minirelay.errors import Refusal, invalid
from minirelay.protocol.addresses import NATIVE_COIN, ZERO_ADDRESS
from minirelay.protocol.ids import NOBODY
from minirelay.protocol.patch_set import NewPatch
from minirelay.shop.checkout_facts import UNKNOWN, ChainHead, Facts, FactsMissing, missing_facts, place_of
from minirelay.shop.checkout_records import CheckoutChanges, CheckoutLimits
from minirelay.shop.draft import Draft
from minirelay.shop.issued_requests import DAY_S, IssuedRequest, Place, priced
from minirelay.shop.objects import ChainAddress, Manifest, Order, ShippingRegion
from minirelay.shop.payment_details import (
    VALID_FOR_S,
    ListingSnapshot,
    listing_snapshots,
    payment_details,
    payment_patches,
)
from minirelay.shop.payment_request import PaymentRequest, check_create2
from minirelay.shop.pricing import price_order
from minirelay.shop.quote import LEAST_DECIMALS, MOST_DECIMALS, NATIVE_DECIMALS, convert, no_rate
from minirelay.shop.regions import destination, match_region
from minirelay.shop.sellable import require_sellable, wanted_items
from minirelay.shop.state import ShopState
from minirelay.shop.work import Work

HEAD_AGE_S: Final = 600
"""A chain that was not read for longer is not payable now."""

CLOCK_AHEAD_S: Final = 3600
"""A clock that is further ahead of a chain would give out TTLs that the chain reaches too late."""

# In units of work, beside what prices and listings take; measured.
_ANSWER_WORK: Final = 2000
_REQUEST_WORK: Final = 3500
_ITEM_WORK: Final = 30

T = TypeVar("T")


class Choice(msgspec.Struct, frozen=True):
    """How an order is to be paid.

    order_id: 8 bytes. card: row id of the guest's card that created it. manifest: as it is now. payee: with
    its chain.
    """

    order_id: bytes
    order: Order
    card: int
    manifest: Manifest
    payee: Place
    currency: ChainAddress

    @property
    def chain_id(self) -> int:
        """Return the chain that is paid on."""
        return self.payee[0]

    @property
    def pricing(self) -> ChainAddress:
        """Return the currency that the shop has its prices in."""
        return self.manifest.pricing_currency


class PaymentChoices:
    """Answers payment choices, on what one client's set leaves.

    snapshots: by hash, the listings as they are sold with the requests that were issued.
    """

    def __init__(
        self,
        shop: Draft,
        state: ShopState,
        changes: CheckoutChanges,
        facts: Facts,
        limits: CheckoutLimits,
        work: Work,
    ) -> None:
        """shop, state: behind the set. changes: what the set does to the records; this goes on with it."""
        self.snapshots: dict[bytes, ListingSnapshot] = {}
        self._shop = shop
        self._state = state
        self._changes = changes
        self._facts = facts
        self._limits = limits
        self._work = work

    def choose(self, order_id: bytes, order: Order, card: int) -> tuple[NewPatch, ...]:
        """Answer the choice of an order that is in PaymentChosen.

        card: of who created the order. Raises Refusal, FactsMissing, WorkExceeded.
        """
        choice = self._read(order_id, order, card)
        request = self._same_again(choice)
        if request is None:
            self._reserve(choice)
            request = self._issue(choice)
        return payment_patches(int.from_bytes(order_id), order, request.details)

    def price_anew(self, order_id: bytes, order: Order, card: int) -> tuple[NewPatch, ...]:
        """Answer for an unpaid order as if it was chosen again, without asking for stock.

        Raises like `choose`.
        """
        choice = self._read(order_id, order, card)
        request = self._same_again(choice)
        if request is None:
            self._require_sellable(order)
            request = self._issue(choice)
        return payment_patches(int.from_bytes(order_id), order, request.details)

    def _read(self, order_id: bytes, order: Order, card: int) -> Choice:
        self._work.spend(_ANSWER_WORK + _ITEM_WORK * len(order.items))
        manifest, payee, currency = self._shop.manifest, order.chosen_payee, order.chosen_currency
        if manifest is None or payee is None or currency is None:
            raise invalid("a payment choice needs ChosenPayee and ChosenCurrency")
        place = place_of(payee.address)
        if place[1] not in manifest.payees.get(place[0], ()):
            raise invalid("the shop does not have this payee any more")
        if currency.address not in manifest.accepted_currencies.get(currency.chain_id, ()):
            raise invalid("the shop does not accept this currency any more")
        return Choice(order_id, order, card, manifest, place, currency)

    def _same_again(self, choice: Choice) -> IssuedRequest | None:
        """Find the newest request that says what a new one would, and can be handed out once more.

        What is wrong with the choice otherwise is said in its turn, by the checks of a new request.
        """
        for request in reversed(self._changes.requests.of_order(choice.order_id)):
            if self._may_be_repeated(request, choice):
                region_and_price = self._region_and_price(choice)
                if region_and_price == (request.region, request.price):
                    return request
        return None

    def _may_be_repeated(self, request: IssuedRequest, choice: Choice) -> bool:
        return (
            request.is_open
            and not request.is_dead
            and (request.payee, request.currency) == (choice.payee, place_of(choice.currency))
            and request.pricing == place_of(choice.pricing)
            and choice.chain_id in self._facts.chains
            and request.request.ttl - self._moment(choice) >= VALID_FOR_S // 2
        )

    def _region_and_price(self, choice: Choice) -> tuple[str, int] | None:
        try:
            name, region = self._region(choice)
            return name, price_order(self._shop, choice.order, region, self._work)
        except Refusal:
            return None

    def _reserve(self, choice: Choice) -> None:
        reservations = self._changes.reservations
        if reservations.units(choice.order_id):
            # Otherwise it is asked together with the stock, item by item.
            self._require_sellable(choice.order)
        reservations.choose(choice.order_id, choice.card, choice.order.items, self._shop)

    def _require_sellable(self, order: Order) -> None:
        for item in wanted_items(order.items):
            require_sellable(self._shop, item)

    def _issue(self, choice: Choice) -> IssuedRequest:
        self._work.spend(_REQUEST_WORK + _ITEM_WORK * len(choice.order.items))
        name, region = self._region(choice)
        head = self._require_payable(choice)
        price = price_order(self._shop, choice.order, region, self._work)
        request = self._request(choice, head, self._total(choice, price))
        self._check_counts(choice)
        snapshots = listing_snapshots(self._state, choice.order, self._work)
        details = payment_details(request, snapshots, self._work)
        issued = IssuedRequest(
            id=details.payment_id,
            order_id=choice.order_id,
            card=choice.card,
            request=request,
            pricing=place_of(choice.pricing),
            price=price,
            region=name,
            listing_hashes=tuple(details.listing_hashes),
            issued_at=self._facts.now,
            issued_at_block=head.number,
        )
        self._changes.requests.issue(issued)
        self.snapshots.update((snapshot.hash, snapshot) for snapshot in snapshots)
        return issued

    def _region(self, choice: Choice) -> tuple[str, ShippingRegion]:
        address = destination(choice.order)
        if address is None:
            raise invalid("a payment choice needs an invoice or shipping address")
        found = match_region(choice.manifest.shipping_regions, address, self._work)
        if found is None:
            raise invalid("the shop does not ship to this address")
        return found

    def _require_payable(self, choice: Choice) -> ChainHead:
        facts, chain_id = self._facts, choice.chain_id
        if choice.currency.chain_id != chain_id:
            raise invalid("the payee and the currency must be on the same chain")
        if chain_id not in facts.chains:
            raise invalid(f"this relay takes no payments on chain {chain_id}")
        check_create2(chain_id)
        if choice.payee[1] == ZERO_ADDRESS:
            raise invalid("the zero address can't be paid")
        if choice.currency.address == NATIVE_COIN and not self._known(choice, facts.payees.get(choice.payee)):
            raise invalid("this payee can't be paid in this coin")
        head = self._known(choice, facts.chains[chain_id])
        self._check_head(head)
        if choice.currency.address != NATIVE_COIN:
            self._check_token(choice)
        return head

    def _check_head(self, head: ChainHead) -> None:
        now = self._facts.now
        if now - head.read_at > HEAD_AGE_S:
            raise invalid("the payment chain can't be reached now, try again")
        if not head.is_development and now - head.timestamp > CLOCK_AHEAD_S:
            raise invalid("the relay's clock is ahead of the payment chain, try again later")

    def _check_token(self, choice: Choice) -> None:
        token = self._known(choice, self._facts.tokens.get(place_of(choice.currency)))
        if token.decimals is None or not LEAST_DECIMALS <= token.decimals <= MOST_DECIMALS:
            raise invalid(
                f"this token can't be used: its decimals must be {LEAST_DECIMALS} to {MOST_DECIMALS}"
            )
        if not token.is_payable:
            raise invalid("this token can't be paid to an address")

    def _total(self, choice: Choice, price: int) -> int:
        pricing, chosen = choice.pricing, choice.currency
        if pricing == chosen:
            return price
        rate = self._facts.rate(pricing, chosen)
        if rate is UNKNOWN:
            raise self._missing(choice)
        if rate is None:
            raise no_rate()
        return convert(price, self._decimals(choice, pricing), self._decimals(choice, chosen), rate)

    def _decimals(self, choice: Choice, currency: ChainAddress) -> int:
        if currency.address == NATIVE_COIN:
            return NATIVE_DECIMALS
        if currency.chain_id not in self._facts.chains:
            raise no_rate()
        token = self._known(choice, self._facts.tokens.get(place_of(currency)))
        if token.decimals is None:
            raise no_rate()
        return token.decimals

    def _check_counts(self, choice: Choice) -> None:
        requests, limits, moment = self._changes.requests, self._limits, self._moment(choice)
        live = sum([one.request.ttl >= moment for one in requests.of_order(choice.order_id)])
        if live >= limits.requests_per_order:
            raise invalid(f"an order can have at most {limits.requests_per_order} payment requests at a time")
        if choice.card == NOBODY:
            return
        if requests.issued_since(choice.card, self._facts.now - DAY_S) >= limits.requests_per_card_a_day:
            raise invalid("too many payment requests in a day, try again later")

    def _request(self, choice: Choice, head: ChainHead, total: int) -> PaymentRequest:
        request = PaymentRequest(
            chain_id=choice.chain_id,
            ttl=max(self._facts.now, head.timestamp) + VALID_FOR_S,
            currency=choice.currency.address,
            amount=total,
            payee=choice.payee[1],
            shop_id=choice.manifest.shop_id,
        )
        free = self._changes.requests.first_free(priced(request), request.ttl)
        return msgspec.structs.replace(request, ttl=free)

    def _moment(self, choice: Choice) -> int:
        head = self._facts.chains.get(choice.chain_id)
        return self._facts.now if head is None else max(self._facts.now, head.timestamp)

    def _known(self, choice: Choice, fact: T | None) -> T:
        if fact is None:
            raise self._missing(choice)
        return fact

    def _missing(self, choice: Choice) -> FactsMissing:
        return FactsMissing(missing_facts(self._facts, choice.payee, choice.currency, choice.pricing))
