from minirelay.chain.chain import MAX_QUESTIONS, Chain
from minirelay.payments.proof_questions import ask_words, has_paid, used_nonces
from minirelay.protocol.block_id import BlockId
from tests.chain_fixtures import Contracts
from tests.dev.contracts.contract_calls import PAYER, STRANGER
from tests.payments.proving import AMOUNT, Proving, WatchedReader, address, request_for
from tests.system.payers import Payer


def proving_on(contracts: Contracts, chain: Chain) -> Proving:
    return Proving(contracts.payments.w3, Payer(contracts.payments.w3, contracts), chain)


async def test_contracts_answer_at_the_block_that_is_named(contracts: Contracts, chain: Chain) -> None:
    proving, request = proving_on(contracts, chain), request_for()
    payments, payer = address(contracts.payments.address), address(PAYER)
    before = proving.head()
    proving.payer.by_call(request, AMOUNT)
    questions = [has_paid(payments, payer, request), has_paid(payments, address(STRANGER), request)]
    questions.append(used_nonces(address(contracts.permit2.address), payer))
    assert await ask_words(chain, before, questions) == [0, 0, 0]
    assert await ask_words(chain, proving.head(), questions) == [1, 0, 0]


async def test_what_is_no_contract_says_nothing(contracts: Contracts, chain: Chain) -> None:
    # An empty answer is not the same as no bit set.
    head = proving_on(contracts, chain).head()
    no_contract = used_nonces(b"\x55" * 20, address(PAYER))
    reverting = used_nonces(address(contracts.payments.address), address(PAYER))
    assert await ask_words(chain, head, [no_contract, reverting]) == [None, None]


async def test_many_questions_go_in_as_few_requests_as_possible(contracts: Contracts, chain: Chain) -> None:
    reader, head = WatchedReader(chain), proving_on(contracts, chain).head()
    question = used_nonces(address(contracts.permit2.address), address(PAYER))
    assert await ask_words(reader, head, []) == []
    assert reader.requests == 0
    words = await ask_words(reader, head, [question] * (MAX_QUESTIONS + 1))
    assert (words, reader.requests) == ([0] * (MAX_QUESTIONS + 1), 2)


async def test_block_is_named_by_its_hash(contracts: Contracts, chain: Chain) -> None:
    head = proving_on(contracts, chain).head()
    assert isinstance(head, BlockId)
    assert head.by_hash()["requireCanonical"] is True
