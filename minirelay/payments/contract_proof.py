"""Proving that the Payments contract is one, before anybody is told to pay to an address of it (spec 07).

An address that is computed for another contract, or for one that puts other code there than it says, could
never be emptied: whoever pays to it loses the money.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from minirelay.chain.chain import Chain
from minirelay.chain.errors import WrongContract
from minirelay.chain.question import Question
from minirelay.errors import ChainError, MalformedInput
from minirelay.payments.contract_probes import control_call
from minirelay.protocol.abi import Function, address_bytes
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.payments_contract import GET_BYTECODE, GET_PAYMENT_ADDRESS
from minirelay.protocol.signing import checksum_address
from minirelay.shop.payment_request import (
    OTHER_CREATE2,
    PaymentRequest,
    abi_values,
    creation_code_of,
    payment_address,
)

log = logging.getLogger(__name__)

AGAIN_S: Final = 30.0
"""How long to wait before a chain is asked again that could not say."""

_PAYEE: Final = b"\x01" * 20


async def until_proven(chain: Chain, payments: bytes) -> None:
    """Return once the contract is proven; until then ask now and then, and log what is wrong, once.

    payments: its address, 20 bytes.
    """
    complaint = ""
    while True:
        try:
            await prove(chain, payments)
            return
        except WrongContract as error:
            if str(error) != complaint:
                log.warning("nothing can be paid on this chain: %s", error)
            complaint = str(error)
        except ChainError as error:
            # The endpoints' own failures are logged already.
            log.debug("the Payments contract could not be asked", extra={"reason": str(error)})
        except Exception as error:  # whatever an endpoint answers must not end what heads wait for
            if repr(error) != complaint:
                log.exception("proving the Payments contract failed; it is tried again")
            complaint = repr(error)
        await asyncio.sleep(AGAIN_S)


async def prove(chain: Chain, payments: bytes) -> None:
    """Compare an address that the contract names with the one of the code that it says it puts there.

    Raises WrongContract, ChainUnreachable.
    """
    if chain.chain_id in OTHER_CREATE2:
        # Every choice there is refused for that.
        return
    request = PaymentRequest(
        chain_id=chain.chain_id, ttl=1, currency=NATIVE_COIN, amount=1, payee=_PAYEE, shop_id=1
    )
    questions = [_question(payments, one, request) for one in (GET_BYTECODE, GET_PAYMENT_ADDRESS)]
    if not _is_proven(request, payments, await chain.ask_about(questions, control_call(payments))):
        raise WrongContract(
            f"chains.{chain.chain_id}.payments: the contract at {checksum_address(payments)} is no Payments, "
            "or makes addresses otherwise; set the address of Payments"
        )


def _question(payments: bytes, function: Function, request: PaymentRequest) -> Question[object]:
    data = function.encode(abi_values(request), _PAYEE)
    call = {"to": write_data(payments), "data": write_data(data)}
    return Question(Request("eth_call", [call, "latest"], function.most_bytes), read_data)


def _is_proven(request: PaymentRequest, payments: bytes, answers: Sequence[object]) -> bool:
    bytecode, named = answers
    if not isinstance(bytecode, bytes) or not isinstance(named, bytes):
        return False
    try:
        code = creation_code_of(GET_BYTECODE.decode(bytecode)[0], request, payments, _PAYEE)
        address = address_bytes(GET_PAYMENT_ADDRESS.decode(named)[0])
    except MalformedInput:
        return False
    return address == payment_address(request, payments, code, _PAYEE)
