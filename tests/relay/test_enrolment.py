"""Who may enrol a key card: spec 05, "Enrolling a key card", step by step."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from minirelay.config.urls import BaseUrl
from minirelay.errors import ChainError, MinirelayError, StorageFull
from minirelay.protocol.sign_in import parse, render
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.enrolment import (
    AdmissionPolicy,
    BadEnrolment,
    CardAlreadyEnrolled,
    Enroller,
    EnrolmentRefused,
    GuestCeilingReached,
    NotPermitted,
    ShopNotAdmitted,
)
from minirelay.relay.messages import Enrolment

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "enroll.json").read_text("utf-8")
)
BASE_URL = BaseUrl.parse(VECTORS["base_url"])
RELAY = int(VECTORS["relay_id"])
SHOP = int(VECTORS["shop_id"])
KEY_CARD = bytes.fromhex(VECTORS["key_card"])
WALLET = PrivateKey.from_bytes(bytes.fromhex(VECTORS["wallet"]["private_key"]))
RELAY_KEY = PrivateKey.from_bytes(b"\x77" * 32)
NOW = datetime(2025, 6, 1, 10, tzinfo=UTC)
GOOD = parse(VECTORS["cases"][0]["message"])


@dataclass
class Registry:
    """One shop and who may act for it; notes what it was asked."""

    permitted: set[bytes] = field(default_factory=lambda: {WALLET.address})
    tokens: tuple[int, ...] = ()
    asked: list[str] = field(default_factory=list)
    failing: str = ""

    def _note(self, question: str) -> None:
        self.asked.append(question)
        if question == self.failing:
            raise ChainError("no endpoint answers")

    async def owner_of(self, shop_id: int) -> bytes | None:
        self._note("owner")
        return bytes(19) + b"\1" if shop_id == SHOP else None

    async def may_update_root_hash(self, shop_id: int, wallet: bytes) -> bool:
        self._note("permission")
        return shop_id == SHOP and wallet in self.permitted

    async def relay_tokens(self, shop_id: int) -> tuple[int, ...]:
        self._note("tokens")
        return self.tokens if shop_id == SHOP else ()


@dataclass
class ShopHead:
    """What the relay has enrolled; refuses with the error that it was told to."""

    served: set[int] = field(default_factory=set)
    enrolled: list[Enrolment] = field(default_factory=list)
    refusal: MinirelayError | None = None

    async def is_served(self, shop_id: int) -> bool:
        return shop_id in self.served

    async def admit(self, enrolment: Enrolment) -> None:
        if self.refusal:
            raise self.refusal
        self.enrolled.append(enrolment)


@dataclass
class Counter:
    """An enroller with what stands behind it."""

    registry: Registry = field(default_factory=Registry)
    head: ShopHead = field(default_factory=ShopHead)
    policy: AdmissionPolicy = field(default_factory=AdmissionPolicy)
    base_url: BaseUrl = BASE_URL
    now: datetime = NOW
    is_disk_low: bool = False

    async def ask(self, body: bytes, *, referer: str | None = None, is_guest: bool = False) -> Enrolment:
        enroller = Enroller(
            base_url=self.base_url,
            relay_token=RELAY,
            relay_key=RELAY_KEY.public_key,
            registry=self.registry,
            policy=self.policy,
            is_served=self.head.is_served,
            admit=self.head.admit,
            now=lambda: self.now,
            is_disk_low=lambda: self.is_disk_low,
        )
        return await enroller.enrol(body, referer=referer, is_guest=is_guest)


def signed(text: str, key: PrivateKey = WALLET) -> bytes:
    signature = base64.b64encode(key.sign(text.encode())).decode()
    return json.dumps({"message": text, "signature": signature}).encode()


def changed(**changes: object) -> bytes:
    return signed(render(msgspec.structs.replace(GOOD, **changes)))


def with_resources(*resources: str) -> bytes:
    return changed(resources=resources)


async def refused(attempt: Awaitable[Enrolment], match: str | None = None) -> type[EnrolmentRefused]:
    with pytest.raises(EnrolmentRefused, match=match) as error:
        await attempt
    return error.type


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: str(case["name"]))
async def test_conformance(case: dict[str, Any]) -> None:
    counter = Counter()
    body = json.dumps({"message": case["message"], "signature": case["signature"]}).encode()
    attempt = counter.ask(body, referer=case["referer"], is_guest=case["guest"])
    if case["status"] == 201:
        enrolment = await attempt
        assert enrolment == Enrolment(SHOP, WALLET.address, KEY_CARD, is_guest=False)
        assert counter.head.enrolled == [enrolment]
    else:
        assert await refused(attempt) is BadEnrolment
        assert counter.head.enrolled == []
        assert counter.registry.asked == []


def test_there_are_27_cases() -> None:
    assert len(VECTORS["cases"]) == 27


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"{}",
        b'{"message": "x"}',
        b'{"signature": "AA=="}',
        b'{"message": 1, "signature": "AA=="}',
        b'{"message": "x", "signature": null}',
        b'{"message": "\\ud800", "signature": "AA=="}',
        b'{"message": "x", "signature": "AA=\\n="}',
        b'{"message": "x", "signature": "\xc3\xa4"}',
        b"[" * 100_000,
        b'{"message":' * 20_000,
        b'{"message": "x", "signature": "AA=="} {}',
    ],
)
async def test_bodies_that_are_not_the_json_asked_for(body: bytes) -> None:
    counter = Counter()
    assert await refused(counter.ask(body), "the body|a signature has") is BadEnrolment
    assert counter.registry.asked == []


async def test_while_the_disk_is_low_nobody_enrols_and_no_chain_is_asked() -> None:
    counter = Counter(is_disk_low=True)
    with pytest.raises(StorageFull, match="try again later"):
        await counter.ask(signed(render(GOOD)))
    assert counter.registry.asked == []
    counter.is_disk_low = False
    await counter.ask(signed(render(GOOD)))


async def test_other_members_of_the_body_do_not_matter() -> None:
    body = json.loads(signed(render(GOOD))) | {"version": [1, {"a": None}]}
    assert await Counter().ask(json.dumps(body).encode())


async def test_signature_of_66_bytes() -> None:
    body = json.dumps({"message": render(GOOD), "signature": base64.b64encode(bytes(66)).decode()}).encode()
    assert await refused(Counter().ask(body), "65 bytes, not 66") is BadEnrolment


async def test_signed_by_another_wallet() -> None:
    body = signed(render(GOOD), PrivateKey.from_bytes(b"\7" * 32))
    assert await refused(Counter().ask(body), "not signed by the address") is BadEnrolment


# -- step 2: domain


def from_page(domain: str, uri: str) -> bytes:
    return changed(domain=domain, uri=uri)


async def test_page_with_a_port_and_upper_case() -> None:
    body = from_page("Shop.example:8443", "https://SHOP.example:8443/cart")
    assert await Counter().ask(body, referer="https://shop.example:8443/cart?a|b[]=ä#x")


@pytest.mark.parametrize(
    ("domain", "uri", "referer"),
    [
        ("shop.example", "https://shop.example/", "https://shop.example:8443/"),
        ("shop.example:8443", "https://shop.example:8443/", "https://shop.example/"),
        ("shop.example", "https://shop.example/", "https://shop.example.evil.example/"),
        ("shop.example", "https://shop.example/", "https://evil.example/?https://shop.example/"),
        ("shop.example", "https://shop.example/", "https://evil.example#@shop.example/"),
        ("shop.example", "https://shop.example/", "https://evil.example\\@shop.example/"),
        ("shop.example", "https://shop.example@evil.example/", "https://shop.example/"),
        ("shop.example", "urn:shop.example", "https://shop.example/"),
        ("localhost:4444", "http://localhost:4444/v4/enroll_key_card", "https://evil.example/"),
        ("localhost:4444", "http://localhost:4444/v4/enroll_key_card", "about:blank"),
        ("localhost:4444", "http://localhost:4444/v4/enroll_key_card", "localhost:4444"),
        ("localhost:4444", "http://localhost:4444/v4/enroll_key_card", "http://"),
        ("localhost:4444", "http://localhost:4444/v4/enroll_key_card", "http://[::1/"),
        ("localhost:4444", "http://localhost:4444/v4/enroll_key_card", "\udcff\udcfe"),
    ],
)
async def test_domain_uri_and_referer_must_agree(domain: str, uri: str, referer: str) -> None:
    attempt = Counter().ask(from_page(domain, uri), referer=referer)
    assert await refused(attempt, "domain|URI|Referer") is BadEnrolment


@pytest.mark.parametrize(
    ("domain", "uri"),
    [
        ("localhost:4444", "http://localhost:4444/v4/enroll_key_card/"),
        ("localhost:4444", "http://localhost:4444/"),
        ("localhost:4444", "http://localhost/v4/enroll_key_card"),
        ("localhost", "http://localhost:4444/v4/enroll_key_card"),
        ("user@localhost:4444", "http://localhost:4444/v4/enroll_key_card"),
    ],
)
async def test_without_a_referer_it_must_be_the_relays_own_endpoint(domain: str, uri: str) -> None:
    assert await refused(Counter().ask(from_page(domain, uri)), "domain|URI") is BadEnrolment


async def test_the_uri_may_have_a_query() -> None:
    body = from_page("localhost:4444", "http://localhost:4444/v4/enroll_key_card?guest=1")
    assert await Counter().ask(body, is_guest=True)


async def test_a_base_url_with_a_path() -> None:
    counter = Counter(base_url=BaseUrl.parse("https://shops.example/relay/"))
    uri = "https://shops.example/relay/v4/enroll_key_card"
    assert await counter.ask(from_page("shops.example", uri))
    uri = "https://shops.example/v4/enroll_key_card"
    assert await refused(counter.ask(from_page("shops.example", uri)), "path") is BadEnrolment


async def test_a_base_url_that_is_not_ascii() -> None:
    counter = Counter(base_url=BaseUrl.parse("https://Bücher.example/läden"))
    uri = "https://xn--bcher-kva.example/l%C3%A4den/v4/enroll_key_card"
    assert await counter.ask(from_page("xn--bcher-kva.example", uri))


# -- step 3: nonce, validity


@pytest.mark.parametrize("nonce", ["00000001", "000000000", "0000000000000000"])
async def test_nonce_is_the_constant(nonce: str) -> None:
    assert await refused(Counter().ask(changed(nonce=nonce)), "nonce") is BadEnrolment


async def test_expired_messages() -> None:
    for expiry in (NOW, NOW - timedelta(seconds=1)):
        assert await refused(Counter().ask(changed(expiration_time=expiry)), "expired") is BadEnrolment
    assert await Counter().ask(changed(expiration_time=NOW + timedelta(seconds=1)))


async def test_messages_of_the_future() -> None:
    later = NOW + timedelta(seconds=1)
    assert await refused(Counter().ask(changed(not_before=later)), "not valid yet") is BadEnrolment
    assert await Counter().ask(changed(not_before=NOW))


async def test_any_chain_id() -> None:
    assert await Counter().ask(changed(chain_id=2**255))


# -- step 4: resources

THREE = (f"mass-relayid:{RELAY}", f"mass-shopid:{SHOP}", f"mass-keycard:0x{KEY_CARD.hex()}")


@pytest.mark.parametrize(
    ("place", "resource"),
    [
        (0, f"mass-relayid:{RELAY + 2**256}"),
        (0, f"mass-relayid:0x{RELAY:x}"),
        (0, "mass-relayid:"),
        (0, "mass-relayid:" + "9" * 5000),
        (0, f"mass-relayid:-{RELAY}"),
        (1, f"mass-shopid:{2**256}"),
        (1, "mass-shopid:1e3"),
        (2, "mass-keycard:"),
        (2, "mass-keycard:0x"),
        (2, f"mass-keycard:0x04{KEY_CARD.hex()[2:]}"),
        (2, f"mass-keycard:0x0x{KEY_CARD.hex()}"),
        (2, f"mass-keycard:{'00' * 33}"),
    ],
)
async def test_resources_that_are_none(place: int, resource: str) -> None:
    resources = [*THREE[:place], resource, *THREE[place + 1 :]]
    assert await refused(Counter().ask(with_resources(*resources)), "relay|shop|key card") is BadEnrolment


async def test_the_relays_own_key_is_no_key_card() -> None:
    counter = Counter()
    own = f"mass-keycard:{RELAY_KEY.public_key.hex()}"
    assert await refused(counter.ask(with_resources(*THREE[:2], own)), "relay's own key") is BadEnrolment
    # Step 4 comes before the registry is asked.
    assert counter.registry.asked == []
    other = bytes([RELAY_KEY.public_key[0] ^ 1]) + RELAY_KEY.public_key[1:]
    assert await counter.ask(with_resources(*THREE[:2], f"mass-keycard:{other.hex()}"))


async def test_a_fourth_resource() -> None:
    attempt = Counter().ask(with_resources(*THREE, "https://shop.example/"))
    assert await refused(attempt, "4 resources instead of 3") is BadEnrolment


async def test_key_cards_in_upper_case() -> None:
    enrolment = await Counter().ask(with_resources(*THREE[:2], f"mass-keycard:0x{KEY_CARD.hex().upper()}"))
    assert enrolment.key_card == KEY_CARD


# -- steps 5 and 6: the registry


async def test_a_shop_must_exist_for_guests_too() -> None:
    body = with_resources(THREE[0], "mass-shopid:5", THREE[2])
    for is_guest in (False, True):
        counter = Counter()
        attempt = counter.ask(body, is_guest=is_guest)
        assert await refused(attempt, "no such shop") is BadEnrolment
        assert counter.registry.asked == ["owner"]


async def test_wallets_without_the_permission() -> None:
    counter = Counter(Registry(permitted=set()))
    assert await refused(counter.ask(signed(render(GOOD))), "may not act") is NotPermitted


async def test_guests_need_no_permission_and_share_the_zero_address() -> None:
    counter = Counter(Registry(permitted=set()))
    enrolment = await counter.ask(signed(render(GOOD)), is_guest=True)
    assert enrolment == Enrolment(SHOP, bytes(20), KEY_CARD, is_guest=True)
    assert counter.registry.asked == ["owner"]


@pytest.mark.parametrize("question", ["owner", "permission", "tokens"])
async def test_a_registry_that_does_not_answer_is_no_refusal(question: str) -> None:
    counter = Counter(Registry(failing=question), policy=AdmissionPolicy("registered"))
    with pytest.raises(ChainError):
        await counter.ask(signed(render(GOOD)))
    assert counter.head.enrolled == []


# -- the operator's policy, between 6 and 7


async def test_listed_shops_only() -> None:
    counter = Counter(policy=AdmissionPolicy("list", frozenset({SHOP})))
    assert await counter.ask(signed(render(GOOD)))
    counter = Counter(policy=AdmissionPolicy("list", frozenset({5})))
    assert await refused(counter.ask(signed(render(GOOD))), "does not serve") is ShopNotAdmitted


async def test_registered_shops_only() -> None:
    policy = AdmissionPolicy("registered")
    assert await Counter(Registry(tokens=(1, RELAY)), policy=policy).ask(signed(render(GOOD)))
    counter = Counter(Registry(tokens=(1,)), policy=policy)
    assert await refused(counter.ask(signed(render(GOOD))), "does not serve") is ShopNotAdmitted


async def test_the_policy_is_about_new_shops_only() -> None:
    counter = Counter(head=ShopHead(served={SHOP}), policy=AdmissionPolicy("list"))
    assert await counter.ask(signed(render(GOOD)))


async def test_the_policy_comes_after_the_permission_and_before_the_head() -> None:
    counter = Counter(Registry(permitted=set()), policy=AdmissionPolicy("list"))
    assert await refused(counter.ask(signed(render(GOOD)))) is NotPermitted
    counter = Counter(head=ShopHead(refusal=CardAlreadyEnrolled("no")), policy=AdmissionPolicy("list"))
    assert await refused(counter.ask(signed(render(GOOD)))) is ShopNotAdmitted


# -- step 7: the head


@pytest.mark.parametrize("refusal", [CardAlreadyEnrolled, GuestCeilingReached])
async def test_what_the_head_say_is_passed_on(refusal: type[EnrolmentRefused]) -> None:
    counter = Counter(head=ShopHead(refusal=refusal("said")))
    assert await refused(counter.ask(signed(render(GOOD))), "said") is refusal


# -- the order of the steps: each of these also fails everything behind it


def broken_from(step: int) -> Callable[[], bytes]:
    def body() -> bytes:
        changes: dict[str, object] = {"resources": ("mass-relayid:1",) if step <= 4 else THREE}
        if step <= 3:
            changes["nonce"] = "11111111"
        if step <= 2:
            changes["domain"] = "evil.example"
        text = render(msgspec.structs.replace(GOOD, **changes))
        return signed(text, PrivateKey.from_bytes(b"\7" * 32) if step == 1 else WALLET)

    return body


@pytest.mark.parametrize(
    ("step", "expected"), [(1, "not signed by"), (2, "another domain"), (3, "nonce"), (4, "resources")]
)
async def test_the_first_failing_step_answers(step: int, expected: str) -> None:
    counter = Counter(Registry(permitted=set()), policy=AdmissionPolicy("list"))
    assert await refused(counter.ask(broken_from(step)()), expected) is BadEnrolment
    assert counter.registry.asked == []
