"""What must hold for what strangers send to the relay: sessions, subscriptions, enrolments."""

# Either outcome is right, and each is checked where it turns up.
# ruff: noqa: PT017

import base64
import json
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from minirelay.config.urls import BaseUrl
from minirelay.errors import MalformedInput, ProtocolViolation, Refusal
from minirelay.protocol import envelope as wire
from minirelay.protocol.enrolment import open_enrolment
from minirelay.protocol.objects import ObjectType
from minirelay.protocol.sign_in import parse
from minirelay.protocol.signing import PrivateKey
from minirelay.relay.enrolment import AdmissionPolicy, Enroller, EnrolmentRefused
from minirelay.relay.log_query import query_of
from minirelay.relay.messages import ClaimCard, Effect, Enrolment, FindCard, HangUp, Send
from minirelay.relay.session import Session
from minirelay.relay.session_table import SessionState
from minirelay.relay.view import make_view
from minirelay.shop.access import PUBLIC_TYPES, Role
from minirelay.store.messages import KeyCard, Leaf
from tests.fuzz.corpus import CARD, CHALLENGE
from tests.fuzz.frame_mutations import split_frames
from tests.limits import SESSION
from tests.protocol.vectors import load

VECTORS: dict[str, Any] = load("enroll")
RELAY_KEY = PrivateKey.from_bytes(b"\x77" * 32)
WALLET = PrivateKey.from_bytes(bytes.fromhex(VECTORS["wallet"]["private_key"]))


def subscription(data: bytes) -> None:
    """Subscription requests: refused, or a view in which nobody sees more than the role allows."""
    try:
        message = wire.decode_client_envelope(data).message
    except ProtocolViolation:
        return
    if not isinstance(message, wire.SubscriptionRequest):
        return
    for role in (Role.VISITOR, Role.GUEST, Role.CLERK):
        try:
            view = make_view(role, 7, message.filters, {bytes(8): 7}.get)
        except Refusal as refusal:
            assert refusal.message
            continue
        query_of(view)
        for object_type in ObjectType:
            if role is not Role.CLERK and object_type not in PUBLIC_TYPES:
                assert not view.sees(Leaf(object_type, bytes(8), 0))
                assert not view.sees(Leaf(object_type, b"tag", 8))


def session(data: bytes) -> None:
    """A client's frames, one after the other: each request is answered once, at worst the session ends."""
    one = Session(replace(SESSION, open_requests=3), 0.0)
    open_ids: set[int] = set()
    for frame in split_frames(data):
        effects = one.receive(frame, 0.0)
        try:
            envelope = wire.decode_client_envelope(frame)
        except ProtocolViolation:
            assert one.state is SessionState.CLOSED
        else:
            if not isinstance(envelope.message, wire.Success | wire.Failure):
                assert envelope.request_id not in open_ids or one.state is SessionState.CLOSED
                open_ids.add(envelope.request_id)
        _carry_out(one, effects, open_ids)


def _carry_out(one: Session, effects: list[Effect], open_ids: set[int]) -> None:
    for effect in effects:
        match effect:
            case FindCard(request_id, key):
                card = KeyCard(1, key, 1, bytes(20), False, 0, False, 0) if key == CARD.public_key else None
                _carry_out(one, one.challenge(request_id, card, False, CHALLENGE), open_ids)
            case ClaimCard(request_id, card):
                _carry_out(one, one.authenticate(request_id, card), open_ids)
            case HangUp(code, reason):
                assert code in (1002, 1008)
                assert 0 < len(reason.encode()) <= 123
                assert one.state is SessionState.CLOSED
            case Send(frame):
                answer = wire.decode_envelope(frame)
                assert isinstance(answer.message, wire.Success) or (
                    isinstance(answer.message, wire.Failure)
                    and answer.message.code
                    and answer.message.message
                )
                open_ids.remove(answer.request_id)


def enrolment_body(data: bytes) -> None:
    """Bodies of enrolment requests: refused in one way, or a message by whom it names."""
    try:
        open_enrolment(data)
    except MalformedInput as refused:
        assert str(refused)


def enrolment(data: bytes) -> None:
    """Sign-in messages with right signatures, all the way: refused in one way, or enrolled."""
    text = data.decode("utf-8", "replace")
    signature = base64.b64encode(WALLET.sign(text.encode())).decode()
    body = json.dumps({"message": text, "signature": signature}).encode()
    for referer in (None, text[:100], "https://shop.example/page"):
        admitted: list[Enrolment] = []
        try:
            _run(_enroller(admitted).enrol(body, referer=referer, is_guest=False))
        except EnrolmentRefused as refused:
            assert str(refused)
        else:
            (enrolled,) = admitted
            message = parse(text)
            assert enrolled.wallet == message.address == WALLET.address
            assert int(message.resources[1].removeprefix("mass-shopid:")) == enrolled.shop_id
            assert message.resources[2].lower().endswith(enrolled.key_card.hex())


class _Registry:
    """A registry in which every shop exists and everybody may act."""

    async def owner_of(self, shop_id: int) -> bytes | None:
        return bytes(20)

    async def may_update_root_hash(self, shop_id: int, wallet: bytes) -> bool:
        return True

    async def relay_tokens(self, shop_id: int) -> tuple[int, ...]:
        return ()


def _enroller(admitted: list[Enrolment]) -> Enroller:
    async def is_served(shop_id: int) -> bool:
        return True

    async def admit(one: Enrolment) -> None:
        admitted.append(one)

    return Enroller(
        base_url=BaseUrl.parse(VECTORS["base_url"]),
        relay_token=int(VECTORS["relay_id"]),
        relay_key=RELAY_KEY.public_key,
        registry=_Registry(),
        policy=AdmissionPolicy(),
        is_served=is_served,
        admit=admit,
        now=lambda: datetime(2025, 6, 1, tzinfo=UTC),
    )


def _run(work: Coroutine[Any, Any, Any]) -> None:
    """Run what never really waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")
