"""Who may enrol a key card: the decision behind `POST /v4/enroll_key_card`, step by step (spec 05).

EnrolmentRefused
├── BadEnrolment          the request itself is wrong
├── NotPermitted          the wallet may not act for the shop
├── ShopNotAdmitted       the operator does not let this shop come into being here
├── GuestCeilingReached   the shop has as many guests as it may have
├── CardAlreadyEnrolled   every card is enrolled once
└── FirstCardIsGuest      a shop begins with a clerk
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from minirelay.config.urls import BaseUrl
from minirelay.errors import MalformedInput, MinirelayError, StorageFull
from minirelay.protocol.addresses import GUEST_WALLET
from minirelay.protocol.enrolment import NONCE, open_enrolment, origin_host, read_resources
from minirelay.protocol.paths import ENROLMENT_PATH
from minirelay.protocol.sign_in import SignInMessage, split_uri
from minirelay.relay.messages import Enrolment


class EnrolmentRefused(MinirelayError):
    """A key card is not enrolled; the message may be told to the client."""


class BadEnrolment(EnrolmentRefused):
    """The request itself is wrong (steps 1 to 5)."""


class NotPermitted(EnrolmentRefused):
    """The registry does not let the wallet act for the shop (step 6)."""


class ShopNotAdmitted(EnrolmentRefused):
    """The operator's admission policy keeps this shop from coming into being."""


class CardAlreadyEnrolled(EnrolmentRefused):
    """This relay has enrolled the card before, even if it was unlinked since (step 7)."""


class FirstCardIsGuest(EnrolmentRefused):
    """A guest can't be the first card of a shop (step 7)."""


class GuestCeilingReached(EnrolmentRefused):
    """The shop has as many guest cards as the relay allows."""


class ShopRegistry(Protocol):
    """What enrolling asks the shop registry. All raise ChainError if it can't be asked."""

    async def owner_of(self, shop_id: int) -> bytes | None:
        """Return the owner's address, 20 bytes; None if there is no such shop."""

    async def may_update_root_hash(self, shop_id: int, wallet: bytes) -> bool:
        """Return whether the wallet may act for the shop."""

    async def relay_tokens(self, shop_id: int) -> tuple[int, ...]:
        """List the relay tokens that the shop has."""


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """Which shops may come into being. listed: ids of shops, for the kind `list`."""

    kind: Literal["any", "registered", "list"] = "any"
    listed: frozenset[int] = frozenset()


class Enroller:
    """Decides on enrolments; what it lets pass goes to `admit`, which keeps the head."""

    def __init__(
        self,
        *,
        base_url: BaseUrl,
        relay_token: int,
        relay_key: bytes,
        registry: ShopRegistry,
        policy: AdmissionPolicy,
        is_served: Callable[[int], Awaitable[bool]],
        admit: Callable[[Enrolment], Awaitable[None]],
        now: Callable[[], datetime],
        is_disk_low: Callable[[], bool] = lambda: False,
    ) -> None:
        """relay_key: the relay's own public key, 33 bytes. now: aware UTC.

        is_served: whether the relay has a shop with this id already. admit: raises CardAlreadyEnrolled,
        FirstCardIsGuest, GuestCeilingReached, StoreError. is_disk_low: from memory; meanwhile none enrols.
        """
        self._base_url = base_url
        self._relay_token = relay_token
        self._relay_key = relay_key
        self._registry = registry
        self._policy = policy
        self._is_served = is_served
        self._admit = admit
        self._now = now
        self._is_disk_low = is_disk_low

    async def enrol(self, body: bytes, *, referer: str | None, is_guest: bool) -> Enrolment:
        """Decide on one request and enrol the card; done when it is durable.

        body: as received. referer: of the HTTP request, None if it has none. Raises EnrolmentRefused,
        ChainError when the registry can't be asked, StorageFull, StoreError. Source: spec 05, "Enrolling a
        key card".
        """
        if self._is_disk_low():
            raise StorageFull
        try:
            message = open_enrolment(body)
            self._check_domain(message, referer)
            self._check_validity(message)
            shop_id, key_card = self._read_resources(message)
        except MalformedInput as error:
            raise BadEnrolment(str(error)) from error
        await self._check_registry(shop_id, message.address, is_guest=is_guest)
        await self._check_policy(shop_id)
        wallet = GUEST_WALLET if is_guest else message.address
        enrolment = Enrolment(shop_id=shop_id, wallet=wallet, key_card=key_card, is_guest=is_guest)
        await self._admit(enrolment)
        return enrolment

    def _check_domain(self, message: SignInMessage, referer: str | None) -> None:
        uri = split_uri(message.uri)
        if referer is not None:
            host = origin_host(referer)
        else:
            host = self._base_url.host
            if uri.path != self._base_url.path + ENROLMENT_PATH:
                raise BadEnrolment(f"the path of the message's URI is not {ENROLMENT_PATH}")
        if message.domain.lower() != host:
            raise BadEnrolment(f"the message is for another domain than {host}")
        if uri.host != host:
            raise BadEnrolment(f"the message's URI is not on {host}")

    def _check_validity(self, message: SignInMessage) -> None:
        if message.nonce != NONCE:
            raise BadEnrolment(f"the nonce is not {NONCE}")
        now = self._now()
        if message.expiration_time is not None and message.expiration_time <= now:
            raise BadEnrolment("the message has expired")
        if message.not_before is not None and message.not_before > now:
            raise BadEnrolment("the message is not valid yet")

    def _read_resources(self, message: SignInMessage) -> tuple[int, bytes]:
        relay_token, shop_id, key_card = read_resources(message.resources)
        if relay_token != self._relay_token:
            raise BadEnrolment("the message is for another relay")
        if key_card == self._relay_key:
            raise BadEnrolment("the key card is the relay's own key")
        return shop_id, key_card

    async def _check_registry(self, shop_id: int, wallet: bytes, *, is_guest: bool) -> None:
        if await self._registry.owner_of(shop_id) is None:
            raise BadEnrolment("there is no such shop in the registry")
        if not is_guest and not await self._registry.may_update_root_hash(shop_id, wallet):
            raise NotPermitted("this wallet may not act for the shop")

    async def _check_policy(self, shop_id: int) -> None:
        if self._policy.kind == "any" or await self._is_served(shop_id):
            return
        if self._policy.kind == "list":
            is_admitted = shop_id in self._policy.listed
        else:
            is_admitted = self._relay_token in await self._registry.relay_tokens(shop_id)
        if not is_admitted:
            raise ShopNotAdmitted("this relay does not serve the shop")
