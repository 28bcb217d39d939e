"""What a customer is asked to pay, its id, and the address to pay to (spec 06, 07 "Payments")."""

from typing import Final

import msgspec

from minirelay.errors import MalformedInput, invalid
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.ids import HASH_BYTES
from minirelay.protocol.signing import keccak256

OTHER_CREATE2: Final = frozenset(
    {
        # ZKsync's VM: Era and its test networks, then local nodes.
        *(324, 300, 280, 260, 270, 271, 272),
        # Other chains of the same VM, each with its test networks.
        *(2741, 11124),  # Abstract
        *(232, 37111),  # Lens
        *(388, 282, 240),  # Cronos zkEVM
        *(50104, 531050104),  # Sophon
        *(543210, 4457845),  # Zero
        *(61166, 978658),  # Treasure
        *(320, 302),  # ZKcandy
        *(325,),  # GRVT
        *(375,),  # zkXPLA
        *(1345,),  # OpenZK
        *(51888,),  # Memento
        *(555271, 555272),  # Xsolla
        *(810180, 810181),  # zkLink Nova
        *(161221135, 1612127),  # PlayFi
        # Tron hashes 0x41 where others hash 0xff.
        *(728126428, 3448148188, 2494104990),
    }
)
"""Chains whose contracts get other addresses than EIP-1014 has it, so that nothing can be paid by address."""


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A payment request, its fields in the order that the Payments contract has them in.

    What is the same in all requests of version 4 has a default. ttl: in epoch seconds. currency: 20 bytes,
    zero for the native coin. amount: in its units. payee: 20 bytes.
    """

    chain_id: int
    ttl: int
    order: bytes = bytes(HASH_BYTES)
    currency: bytes
    amount: int
    payee: bytes
    is_payment_endpoint: bool = False
    shop_id: int
    shop_signature: bytes = bytes(64)


def payment_id(request: PaymentRequest) -> bytes:
    """Compute the id of a request, 32 bytes: `getPaymentId` of the contract."""
    return keccak256(_uint(WORD_BYTES) + _tuple(request))


def abi_values(request: PaymentRequest) -> tuple[object, ...]:
    """Return the values of a request in the order of the contract's tuple."""
    return msgspec.structs.astuple(request)


def payment_address(
    request: PaymentRequest, payments_contract: bytes, creation_code: bytes, refund: bytes
) -> bytes:
    """Compute the address at which a request can be paid, 20 bytes: `getPaymentAddress` of the contract.

    creation_code: see `creation_code_of`. refund: 20 bytes. Raises Refusal INVALID like `check_create2`.
    """
    check_create2(request.chain_id)
    init_code = creation_code + _init_arguments(request, payments_contract, refund)
    return keccak256(b"\xff" + payments_contract + request.order + keccak256(init_code))[12:]


def creation_code_of(
    bytecode: bytes, request: PaymentRequest, payments_contract: bytes, refund: bytes
) -> bytes:
    """Take the sweeper's creation code, the same for all requests, out of what `getBytecode` gave for one.

    Raises MalformedInput if the bytecode does not end with the arguments, or has nothing before them.
    """
    arguments = _init_arguments(request, payments_contract, refund)
    creation_code = bytecode.removesuffix(arguments)
    if not creation_code or len(creation_code) == len(bytecode):
        raise MalformedInput("this is not the init code of a payment address")
    return creation_code


def check_create2(chain_id: int) -> None:
    """Refuse (INVALID) a chain on which payment addresses can't be computed."""
    if chain_id in OTHER_CREATE2:
        raise invalid("payments on this chain are not supported: it has addresses of another kind")


def _init_arguments(request: PaymentRequest, payments_contract: bytes, refund: bytes) -> bytes:
    head = _uint(3 * WORD_BYTES) + _address(refund) + _address(payments_contract)
    return head + _tuple(request)


# By hand: the tuple has one shape, and eth-abi takes longer for it than a signature does.


def _tuple(request: PaymentRequest) -> bytes:
    """Encode a request as the contract's tuple: a word for each field, then the only one of any length."""
    signature = request.shop_signature
    return b"".join(
        (
            _uint(request.chain_id),
            _uint(request.ttl),
            request.order,
            _address(request.currency),
            _uint(request.amount),
            _address(request.payee),
            _uint(request.is_payment_endpoint),
            _uint(request.shop_id),
            _SIGNATURE_AT,
            _uint(len(signature)),
            signature,
            bytes(-len(signature) % WORD_BYTES),
        )
    )


def _uint(number: int) -> bytes:
    return number.to_bytes(WORD_BYTES)


def _address(address: bytes) -> bytes:
    return address.rjust(WORD_BYTES, b"\0")


_SIGNATURE_AT: Final = _uint(9 * WORD_BYTES)
"""Where the signature begins in the tuple."""
