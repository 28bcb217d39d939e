"""What a call of the Payments contract does, read from its call data (spec 06, rules 1 and 2 of what counts).

Call data can be written in many ways that a decoder reads as the same and the contract does not, or the other
way round. Only the canonical one is read: each part lies right behind the one before it. So it takes no more
time and memory than the call data is long. What may follow at its end means nothing to the contract.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from minirelay.errors import MalformedInput
from minirelay.protocol.addresses import ADDRESS_BYTES
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.payments_contract import PAYMENTS
from minirelay.shop.payment_request import PaymentRequest

T = TypeVar("T")

_SELECTOR_BYTES: Final = 4
_HEAD_WORDS: Final = len(PaymentRequest.__struct_fields__)
"""A request's own words; the last one says where its signature is."""

_PAY, _PAY_NATIVE, _PAY_TOKEN, _MULTI_PAY, _PROCESS_PAYMENT, _BATCH = (
    PAYMENTS.function(name).selector
    for name in ("pay", "payNative", "payToken", "multiPay", "processPayment", "batch")
)


class PaymentElement(msgspec.Struct, frozen=True, gc=False):
    """A request that whoever calls pays. permit: a signature, maybe an empty one; None without any."""

    request: PaymentRequest
    permit: bytes | None = None


class SweepElement(msgspec.Struct, frozen=True, gc=False):
    """A request whose address is to be swept. refund: 20 bytes."""

    request: PaymentRequest
    refund: bytes


class PaymentCall(msgspec.Struct, frozen=True, gc=False):
    """What one call does, in its order. paid: payments; sweeps: of addresses."""

    paid: tuple[PaymentElement, ...] = ()
    sweeps: tuple[SweepElement, ...] = ()

    def pays_natively(self, request: PaymentRequest) -> bool:
        """Return whether this very request is paid without a permit: in coins, if it is for coins."""
        return any(one.request == request and one.permit is None for one in self.paid)

    def refunds_of(self, request: PaymentRequest) -> list[bytes]:
        """List the refund addresses with which this request's addresses are swept, each once."""
        return list(dict.fromkeys(one.refund for one in self.sweeps if one.request == request))


NO_CALL: Final = PaymentCall()


def read_payment_call(calldata: bytes) -> PaymentCall:
    """Read call data; NO_CALL for other functions, and for what is not in canonical form."""
    read = _READERS.get(calldata[:_SELECTOR_BYTES])
    if read is None:
        return NO_CALL
    try:
        return read(_Words(calldata))
    except MalformedInput:
        return NO_CALL


class _Words:
    """Reads call data from its beginning to its end, without ever going back."""

    def __init__(self, calldata: bytes) -> None:
        self._data = calldata
        self.position = _SELECTOR_BYTES

    def word(self) -> bytes:
        taken = self._data[self.position : self.position + WORD_BYTES]
        if len(taken) != WORD_BYTES:
            raise MalformedInput("the call data ends too early")
        self.position += WORD_BYTES
        return taken

    def number(self) -> int:
        return int.from_bytes(self.word())

    def expect(self, number: int) -> None:
        if self.number() != number:
            raise MalformedInput("not the canonical encoding")

    def address(self) -> bytes:
        word = self.word()
        if any(word[:-ADDRESS_BYTES]):
            raise MalformedInput("not an address")
        return word[-ADDRESS_BYTES:]

    def flag(self) -> bool:
        number = self.number()
        if number > 1:
            raise MalformedInput("not a boolean")
        return bool(number)

    def octets(self) -> bytes:
        """Read a length and so many bytes, filled up with zeros to whole words."""
        size = self.number()
        end = self.position + -(-size // WORD_BYTES) * WORD_BYTES
        filled = self._data[self.position : end]
        if end > len(self._data) or any(filled[size:]):
            raise MalformedInput("not the canonical encoding of bytes")
        self.position = end
        return filled[:size]

    def array(self, read: Callable[["_Words"], T]) -> list[T]:
        """Read how many there are, where each is, and then each of them there."""
        count = self.number()
        begin = self.position
        if count > (len(self._data) - begin) // WORD_BYTES:
            raise MalformedInput("the call data ends too early")
        places = [self.number() for _ in range(count)]
        found = []
        for place in places:
            if self.position - begin != place:
                raise MalformedInput("not the canonical encoding of an array")
            found.append(read(self))
        return found


def _request(words: _Words) -> PaymentRequest:
    request = {
        "chain_id": words.number(),
        "ttl": words.number(),
        "order": words.word(),
        "currency": words.address(),
        "amount": words.number(),
        "payee": words.address(),
        "is_payment_endpoint": words.flag(),
        "shop_id": words.number(),
    }
    words.expect(_HEAD_WORDS * WORD_BYTES)
    return PaymentRequest(**request, shop_signature=words.octets())  # type: ignore[arg-type]


def _read_pay(words: _Words) -> PaymentCall:
    words.expect(WORD_BYTES)
    return PaymentCall(paid=(PaymentElement(_request(words)),))


def _read_pay_token(words: _Words) -> PaymentCall:
    words.expect(2 * WORD_BYTES)
    signature_place = words.number()
    request = _request(words)
    _check_place(words, signature_place)
    return PaymentCall(paid=(PaymentElement(request, words.octets()),))


def _read_multi_pay(words: _Words) -> PaymentCall:
    words.expect(2 * WORD_BYTES)
    signatures_place = words.number()
    requests = words.array(_request)
    _check_place(words, signatures_place)
    signatures = words.array(_Words.octets)
    if len(signatures) != len(requests):
        raise MalformedInput("a request has no place for its permit")
    # Where the contract finds an empty one, it looks for none.
    permits = (signature or None for signature in signatures)
    return PaymentCall(paid=tuple(map(PaymentElement, requests, permits)))


def _read_process_payment(words: _Words) -> PaymentCall:
    words.expect(2 * WORD_BYTES)
    refund = words.address()
    return PaymentCall(sweeps=(SweepElement(_request(words), refund),))


def _read_batch(words: _Words) -> PaymentCall:
    words.expect(2 * WORD_BYTES)
    refunds_place = words.number()
    requests = words.array(_request)
    _check_place(words, refunds_place)
    if words.number() != len(requests):
        raise MalformedInput("a request has no refund address")
    return PaymentCall(sweeps=tuple(SweepElement(request, words.address()) for request in requests))


def _check_place(words: _Words, place: int) -> None:
    """Check that an argument lies where the head says that it does."""
    if words.position - _SELECTOR_BYTES != place:
        raise MalformedInput("not the canonical encoding of the arguments")


_READERS: Final[dict[bytes, Callable[[_Words], PaymentCall]]] = {
    _PAY: _read_pay,
    _PAY_NATIVE: _read_pay,
    _PAY_TOKEN: _read_pay_token,
    _MULTI_PAY: _read_multi_pay,
    _PROCESS_PAYMENT: _read_process_payment,
    _BATCH: _read_batch,
}
