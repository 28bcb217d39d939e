"""When the rule of smart wallets may be used at all; what it proves is in test_native_proof.py."""

from collections.abc import Sequence
from typing import Any, TypeVar

import pytest

from minirelay.chain.errors import AnswerTooLong, ChainUnreachable, Reverted
from minirelay.chain.findings import FoundLog
from minirelay.chain.question import Question
from minirelay.payments.wallet_proof import WalletProver
from minirelay.protocol.block_id import BlockId
from minirelay.protocol.json_rpc import write_data
from tests.chain.nodes import CHAIN_ID
from tests.payments.proving import request_for

T = TypeVar("T")

PAYMENTS, PERMIT2, SENDER = (bytes([number]) * 20 for number in (1, 2, 3))
BLOCK, HEAD = BlockId(7, b"\x07" * 32), BlockId(9, b"\x09" * 32)
EVENT = FoundLog(PAYMENTS, (), b"", BLOCK, b"\x0a" * 32, 0)
YES, NO = write_data((1).to_bytes(32)), write_data(bytes(32))


class ScriptedReader:
    """Answers as a node would that stands where it is told. asked: methods, with the block each is about."""

    def __init__(
        self, *, slot: str = write_data(PERMIT2.rjust(32, b"\0")), free: object = None, paid: str = YES
    ) -> None:
        self.slot = slot
        self.free = free or Reverted("no token")
        self.words = [paid, NO]
        self.asked: list[tuple[str, BlockId | None]] = []

    async def request_many(
        self, questions: Sequence[Question[T]], at: BlockId | None = None
    ) -> list[T | Reverted]:
        return [self._answer(question, at) for question in questions]

    def _answer(self, question: Question[Any], at: BlockId | None) -> Any:
        method = question.request.method
        self.asked.append((method, at))
        call: Any = question.request.params[0]
        if method == "eth_getStorageAt":
            return question.read(self.slot)
        if "from" in call:
            return self.free if isinstance(self.free, Reverted) else question.read(self.free)
        return question.read(self.words[call["to"] == write_data(PERMIT2)])

    async def request_unless_long(self, questions: Sequence[Question[T]]) -> list[T | AnswerTooLong]:
        receipt: object = {
            "blockHash": write_data(BLOCK.hash),
            "from": write_data(SENDER),
            "to": None,
            "logs": [],
        }
        self.asked += [(question.request.method, None) for question in questions]
        return [question.read(receipt) for question in questions]


def prover() -> WalletProver:
    return WalletProver(CHAIN_ID, PAYMENTS, PERMIT2)


async def find(one: WalletProver, reader: ScriptedReader) -> bytes | None:
    return await one.find_payer(request_for(), EVENT, reader, HEAD)


async def test_known_contract_shows_who_paid_and_is_looked_at_once() -> None:
    one, reader = prover(), ScriptedReader()
    assert await find(one, reader) == SENDER
    assert await find(one, reader) == SENDER
    looks = ["eth_getStorageAt", "eth_call"]
    assert [method for method, _ in reader.asked] == looks + [
        "eth_getTransactionReceipt",
        *["eth_call"] * 2,
    ] * 2
    # All at one block, the one that was given.
    assert {at for method, at in reader.asked if method != "eth_getTransactionReceipt"} == {HEAD}


@pytest.mark.parametrize("slot", [write_data(PERMIT2), write_data(PERMIT2.rjust(32, b"\0"))])
async def test_slot_may_come_without_zeros_in_front(slot: str) -> None:
    assert await find(prover(), ScriptedReader(slot=slot)) == SENDER


@pytest.mark.parametrize(
    "slot", ["0x", NO, write_data(PAYMENTS), write_data(b"\x01" + PERMIT2.rjust(31, b"\0"))]
)
async def test_contract_with_another_permit2_shows_nobody(
    slot: str, caplog: pytest.LogCaptureFixture
) -> None:
    one, reader = prover(), ScriptedReader(slot=slot)
    assert await find(one, reader) is None
    assert await find(one, reader) is None
    assert len(caplog.records) == 1


@pytest.mark.parametrize("answer", ["0x", YES])
async def test_contract_that_takes_coins_for_a_token_shows_nobody(answer: str) -> None:
    reader = ScriptedReader(free=answer)
    assert await find(prover(), reader) is None
    assert "eth_getTransactionReceipt" not in [method for method, _ in reader.asked]


@pytest.mark.parametrize("paid", [NO, "0x", write_data((2).to_bytes(32))])
async def test_only_a_plain_yes_is_one(paid: str) -> None:
    assert await find(prover(), ScriptedReader(paid=paid)) is None


@pytest.mark.parametrize("used", [YES, write_data(b"\xff" * 32), "0x"])
async def test_address_that_used_a_permit_or_may_have_proves_nothing(used: str) -> None:
    reader = ScriptedReader()
    reader.words[1] = used
    assert await find(prover(), reader) is None


async def test_other_permits_of_an_address_are_no_matter() -> None:
    reader = ScriptedReader()
    reader.words[1] = write_data((2**256 - 2).to_bytes(32))
    assert await find(prover(), reader) == SENDER


async def test_chain_that_can_not_be_asked_is_asked_again() -> None:
    class Failing(ScriptedReader):
        async def request_many(
            self, questions: Sequence[Question[T]], at: BlockId | None = None
        ) -> list[T | Reverted]:
            raise ChainUnreachable("no")

    one = prover()
    with pytest.raises(ChainUnreachable):
        await find(one, Failing())
    assert await find(one, ScriptedReader()) == SENDER
