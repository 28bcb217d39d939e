"""Rule 3 of what counts as paid (spec 06): a smart wallet paid.

The contract says that an address in the transaction has paid the request. The only way to have that recorded
without paying is a permit for "token 0", and redeeming one leaves a bit in Permit2 that nothing clears. So an
address without that bit has paid. This holds where Permit2 is known and the contract has no other such way.
"""

import logging
from typing import Final

from minirelay.chain.errors import AnswerTooLong, Reverted
from minirelay.chain.findings import ChainReader, FoundLog
from minirelay.chain.question import Question
from minirelay.payments.bounded_memory import BoundedMemory
from minirelay.payments.proof_questions import PERMIT_BIT, ask_words, has_paid, used_nonces
from minirelay.payments.transaction_records import Receipt, read_receipt
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.answer_bounds import WORD_BYTES
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import Request, read_data, write_data
from minirelay.protocol.payments_contract import PAY_TOKEN_PRE_APPROVED
from minirelay.protocol.signing import checksum_address
from minirelay.shop.payment_request import PaymentRequest, abi_values

log = logging.getLogger(__name__)

MOST_REMEMBERED: Final = 4096
"""Events that prove nothing, remembered so that a poll goes on where the last one had to stop."""

_SIMULATION_GAS: Final = 300_000
_NOBODY: Final = b"\x01" * 20
_FAR: Final = 2**63


class WalletProver:
    """Looks for who paid, on one chain."""

    def __init__(self, chain_id: int, payments: bytes, permit2: bytes) -> None:
        """payments, permit2: addresses, 20 bytes."""
        self._chain_id = chain_id
        self._payments = payments
        self._permit2 = permit2
        self._is_known: bool | None = None
        self._failed: BoundedMemory[tuple[bytes, bytes, int], bool] = BoundedMemory(MOST_REMEMBERED)

    async def find_payer(
        self, request: PaymentRequest, event: FoundLog, reader: ChainReader, at: BlockId
    ) -> bytes | None:
        """Return the address that paid what this event tells; None if that can't be shown.

        at: see `NativeProver.prove`, which raises the same.
        """
        key = (event.block.hash, event.transaction_hash, event.index)
        if self._failed.get(key) or not await self._is_contract_known(reader, at):
            return None
        payer = await self._look(request, event, reader, at)
        if payer is None:
            # The bits are never cleared, and who pays later has an event of its own.
            self._failed.put(key, True)
        return payer

    async def _look(
        self, request: PaymentRequest, event: FoundLog, reader: ChainReader, at: BlockId
    ) -> bytes | None:
        receipt = await self._read_receipt(event, reader)
        candidates = [] if receipt is None else receipt.candidates(event.index)
        questions = [
            question
            for one in candidates
            for question in (has_paid(self._payments, one, request), used_nonces(self._permit2, one))
        ]
        words = iter(await ask_words(reader, at, questions))
        for candidate, paid, used in zip(candidates, words, words, strict=True):
            if paid == 1 and used is not None and not used & PERMIT_BIT:
                return candidate
        return None

    async def _read_receipt(self, event: FoundLog, reader: ChainReader) -> Receipt | None:
        asked = Request("eth_getTransactionReceipt", [write_data(event.transaction_hash)])
        question = Question(asked, lambda result: read_receipt(result, event.block))
        (receipt,) = await reader.request_unless_long([question])
        if isinstance(receipt, AnswerTooLong):
            log.warning(
                "who made a payment can't be found out: its transaction logs too much",
                extra={"chain": self._chain_id, "transaction": write_data(event.transaction_hash)},
            )
            return None
        return receipt

    async def _is_contract_known(self, reader: ChainReader, at: BlockId) -> bool:
        """Return whether the rule holds for this contract, which is found out once."""
        if self._is_known is None:
            slot = Request("eth_getStorageAt", [write_data(self._payments), "0x0"])
            (permit2,) = await reader.request_many([Question(slot, read_data)], at)
            (outcome,) = await reader.request_many([self._free_payment()], at)
            is_permit2 = not isinstance(permit2, Reverted) and _number(permit2) == _number(self._permit2)
            self._is_known = is_permit2 and isinstance(outcome, Reverted)
            if not self._is_known:
                log.warning(
                    "coins that smart wallets pay can't be proven on this chain: its Payments has another "
                    f"Permit2 than chains.{self._chain_id}.permit2, or takes coins for a token",
                    extra={"chain": self._chain_id, "permit2": checksum_address(self._permit2)},
                )
        return self._is_known

    def _free_payment(self) -> Question[bytes]:
        """Simulate the payment of a request that is right but for its currency, which is no token."""
        request = PaymentRequest(
            chain_id=self._chain_id, ttl=_FAR, currency=NATIVE_COIN, amount=1, payee=_NOBODY, shop_id=1
        )
        call = {
            "from": write_data(_NOBODY),
            "to": write_data(self._payments),
            "gas": hex(_SIMULATION_GAS),
            "data": write_data(PAY_TOKEN_PRE_APPROVED.encode(abi_values(request))),
        }
        return Question(Request("eth_call", [call], WORD_BYTES), read_data)


def _number(data: bytes) -> int:
    # Some nodes leave out the zeros in front of a storage word.
    return int.from_bytes(data)
