"""What lay at payment addresses that did not ask for it: what is stored and told, and how often."""

from collections.abc import Iterable

from msgspec.structs import replace

from minirelay.chain.block import Block
from minirelay.chain.findings import FoundBalance
from minirelay.payments.alert_limits import MOST_AN_HOUR, MOST_OF_A_CARD, AlertLimits
from minirelay.payments.stray_findings import StrayFindings
from minirelay.protocol.ids import NOBODY
from minirelay.store.payment_rows import PaymentRows, PaymentTransfer
from tests.shop.issued import CHAIN, issued
from tests.shop.patching import NATIVE

BLOCK = Block(7, b"\x07" * 32, bytes(32), 1_800_000_000)
NOW = 1_800_000_100
ELSEWHERE = CHAIN + 1


class Known:
    """What was stored."""

    def __init__(self) -> None:
        self.rows: list[PaymentRows] = []

    async def payment_transfers(self, ids: Iterable[bytes]) -> list[PaymentTransfer]:
        wanted = set(ids)
        return [one for rows in self.rows for one in rows.transfers if one.request_id in wanted]

    async def find(self, findings: StrayFindings, amount: int, number: int = 1, card: int = 3) -> list[str]:
        """Let something lie at the address of a request; give the kinds of what is told of one of them."""
        request = replace(issued(number), card=card)
        found = await findings.rows([(1, request, FoundBalance(NATIVE, b"\x05" * 20, amount))], BLOCK)
        self.rows += found
        return [one.kind.value for rows in found for one in rows.alerts if one.is_new and one.request_id]


async def test_it_is_told_and_stored_when_there_is_more_than_before() -> None:
    known, limits = Known(), AlertLimits()
    findings = StrayFindings(CHAIN, known, limits, lambda: NOW)
    assert await known.find(findings, 5) == ["stray"]
    assert await known.find(findings, 5) == []
    assert await known.find(findings, 6) == ["stray"]
    assert [one.transfers[0].amount for one in known.rows] == [5, 6]
    assert await findings.rows([], BLOCK) == ()


async def test_of_another_chain_it_says_so() -> None:
    known, limits = Known(), AlertLimits()
    here, there = (StrayFindings(chain, known, limits, lambda: NOW) for chain in (CHAIN, ELSEWHERE))
    assert await known.find(here, 5) == ["stray"]
    # That there is more on another chain does not make this one known.
    assert await known.find(there, 4) == ["stray elsewhere"]
    (alert,) = known.rows[-1].alerts
    assert alert.place == (ELSEWHERE, NATIVE)
    assert [one.transfers[0].chain_id for one in known.rows] == [None, ELSEWHERE]


async def test_dust_on_another_chain_hides_nothing_on_the_own_one() -> None:
    known, limits = Known(), AlertLimits()
    here, there = (StrayFindings(chain, known, limits, lambda: NOW) for chain in (CHAIN, ELSEWHERE))
    told = [await known.find(there, 1, number, card=number % 200) for number in range(1, 1001)]
    assert sum(map(len, told)) == MOST_AN_HOUR
    # All of it is stored, so lists show it.
    assert len(known.rows) == 1000
    assert await known.find(here, 10**18, 2000) == ["stray"]


async def test_one_guest_uses_up_its_share_only() -> None:
    known = Known()
    there = StrayFindings(ELSEWHERE, known, AlertLimits(), lambda: NOW)
    told = [await known.find(there, 1, number) for number in range(1, 100)]
    assert sum(map(len, told)) == MOST_OF_A_CARD
    assert await known.find(there, 1, 100, card=4) == ["stray elsewhere"]
    assert await known.find(there, 1, 101, card=NOBODY) == ["stray elsewhere"]
