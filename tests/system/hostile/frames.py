"""Mutated envelopes of every kind that a client may send, and of those that it may not."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from minirelay.protocol import envelope as wire
from minirelay.protocol.cbor import Key, Value, decode, encode, encode_list_of
from minirelay.protocol.mmr import root
from minirelay.protocol.patch_set import join_patch_set
from minirelay.protocol.signing import PrivateKey
from tests.fuzz import corpus
from tests.fuzz.cbor_mutations import mutate_cbor
from tests.fuzz.mutator import Mutator
from tests.fuzz.protobuf_mutations import mutate_protobuf
from tests.fuzz.shop_patches import NEW_ORDER, sound_patches
from tests.fuzz.wire_targets import elements

OWN_ORDERS = 8
ODD_IDS = (0, -1, -2, 1, 2**31, 2**63 - 1, -(2**63))


@dataclass(frozen=True)
class Mutated:
    """A frame. request_id: of the answer that must come, None if the frame may be no sound envelope."""

    kind: str
    data: bytes
    request_id: int | None


class FrameMaker:
    """Makes the frames of one intruder."""

    def __init__(self, chance: random.Random, key: PrivateKey, shop_id: int) -> None:
        """key: the intruder's own key card, which may not be enrolled."""
        self.challenge = b""
        self.pushes: list[int] = []
        self._chance = chance
        self._key = key
        self._shop_id = shop_id
        self._nonce = 0
        self._first_order = chance.randrange(10, 1000) * OWN_ORDERS
        self._request_id = 1000
        self._patches = Mutator("patches", corpus.patch_lists(), mutate_cbor)
        self._sealed = Mutator("sealed", corpus.patch_sets(), mutate_cbor)
        self._envelopes = Mutator("envelopes", corpus.envelopes(), mutate_protobuf)
        self._subscriptions = Mutator("subscriptions", corpus.subscriptions(), mutate_protobuf)
        self._kinds: tuple[tuple[str, int, Callable[[], wire.Message | bytes]], ...] = (
            ("signed patches", 40, self._signed_patches),
            ("signed header", 8, self._signed_header),
            ("spoilt set", 10, self._spoilt_set),
            ("any envelope", 6, self._any_envelope),
            ("subscription", 8, self._subscription),
            ("cancel", 5, self._cancel),
            ("authentication", 6, self._authentication),
            ("solution", 5, self._solution),
            ("response", 8, self._response),
            ("relay's own", 3, self._relays_own),
        )

    def next_id(self) -> int:
        """Return a request id that is not in use."""
        self._request_id += 1
        return self._request_id

    def make(self) -> Mutated:
        """Make the next frame."""
        kind, _, make = self._chance.choices(self._kinds, [weight for _, weight, _ in self._kinds])[0]
        message = make()
        if isinstance(message, bytes):
            return Mutated(kind, message, None)
        request_id = self.next_id()
        frame = wire.encode_envelope(request_id, message)
        if self._chance.random() < 0.05:
            return Mutated(kind, self._envelopes.change(self._chance, frame), None)
        return Mutated(kind, frame, request_id)

    def sealed(self, leaves: list[bytes]) -> bytes:
        """Sign these very patches, which need not be any."""
        return self._seal(leaves, lambda header: header)

    def _seal(self, leaves: list[bytes], change: Callable[[bytes], bytes]) -> bytes:
        self._nonce += self._chance.choice((1, 1, 1, 1000))
        fields: dict[Key, Value] = {
            "KeyCardNonce": self._nonce,
            "ShopID": self._shop_id,
            "Timestamp": datetime.now(UTC),
            "RootHash": root(leaves),
        }
        header = change(encode(fields))
        return join_patch_set(header, self._key.sign(header), leaves)

    def _signed_patches(self) -> wire.Message:
        if self._chance.random() < 0.1:
            return wire.PatchSetWriteRequest(self.sealed([self._readdressed(NEW_ORDER)]))
        source = sound_patches() if self._chance.random() < 0.7 else corpus.patches()
        singles = self._chance.choices(source, k=self._chance.choice((1, 1, 1, 1, 1, 2, 5)))
        data = encode_list_of([self._readdressed(one) for one in singles])
        # Some are left as they are: what they make of the shop is what the others meet.
        data = data if self._chance.random() < 0.2 else self._patches.change(self._chance, data)
        return wire.PatchSetWriteRequest(self.sealed(elements(data) or [data]))

    def _readdressed(self, patch: bytes) -> bytes:
        """Let a patch of an order be one of the intruder's own orders: guests write nothing else."""
        content = decode(patch)
        assert isinstance(content, dict)
        match content.get("Path"):
            case ["Orders", int(), *fields] if self._chance.random() < 0.8:
                order_id = self._first_order + self._chance.randrange(OWN_ORDERS)
                return encode({**content, "Path": ["Orders", order_id, *fields]})
        return patch

    def _signed_header(self) -> wire.Message:
        leaves = [self._chance.choice(corpus.patches())]
        return wire.PatchSetWriteRequest(
            self._seal(leaves, lambda header: self._sealed.change(self._chance, header))
        )

    def _spoilt_set(self) -> wire.Message:
        sealed = self.sealed([self._chance.choice(corpus.patches())])
        return wire.PatchSetWriteRequest(self._sealed.change(self._chance, sealed))

    def _any_envelope(self) -> bytes:
        frame = self._envelopes.change(self._chance, self._chance.choice(corpus.envelopes()))
        return frame * self._chance.choice((1, 1, 1, 2))

    def _subscription(self) -> wire.Message | bytes:
        if self._chance.random() < 0.5:
            return self._subscriptions.change(self._chance, self._chance.choice(corpus.subscriptions()))
        shop_id = self._shop_id.to_bytes(32)
        filters = tuple(self._filter() for _ in range(self._chance.choice((0, 1, 2, 30))))
        start = self._chance.choice((0, 0, 0, 1, 5, 2**63 - 1, 2**63, 2**64 - 1))
        odd = self._chance.choice((shop_id.lstrip(b"\0"), b"", bytes(33), self._spoilt(shop_id)))
        wanted = odd if self._chance.random() < 0.3 else shop_id
        return wire.SubscriptionRequest(wanted, start, filters)

    def _filter(self) -> wire.Filter:
        if self._chance.random() < 0.1:
            return wire.Filter(self._chance.choice((0, 7, -1, 2**31 - 1)), self._chance.randbytes(8))
        object_type = self._chance.randrange(1, 7)
        fitting = {2: b"t", 4: bytes(20)}.get(object_type, bytes(7) + b"\1")
        return wire.Filter(object_type, self._chance.choice((None, None, fitting, fitting, b"", bytes(9))))

    def _cancel(self) -> wire.Message:
        number = self._chance.choice((0, 1, 1, 2, 3, 65535))
        return wire.SubscriptionCancelRequest(
            self._chance.choice((number.to_bytes(2), b"", b"\1", bytes(3), bytes(70_000)))
        )

    def _authentication(self) -> wire.Message:
        key = self._key.public_key
        return wire.AuthenticateRequest(self._chance.choice((key, b"", self._spoilt(key), key + key)))

    def _solution(self) -> wire.Message:
        signature = self._key.sign(self.challenge)
        return wire.ChallengeSolvedRequest(self._chance.choice((signature, self._spoilt(signature), b"")))

    def _response(self) -> bytes:
        known = self.pushes.pop() if self.pushes else -1
        request_id = self._chance.choice(ODD_IDS) if self._chance.random() < 0.1 else known
        answer = self._chance.choice(
            (wire.Success(), wire.Success(b"x" * 1000), wire.Failure(11, ""), wire.Failure(-1, "\0"))
        )
        return wire.encode_envelope(request_id, answer)

    def _relays_own(self) -> wire.Message:
        return self._chance.choice(
            (
                wire.PingRequest(),
                wire.SyncStatusRequest(2**64 - 1, 2**64 - 1),
                wire.SubscriptionPushRequest(b"\0\1", ()),
                wire.GetBlobUploadURLRequest(),
            )
        )

    def _spoilt(self, data: bytes) -> bytes:
        changed = bytearray(data)
        changed[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)
        return bytes(changed)
