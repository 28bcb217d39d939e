"""The operator's sweeps: what lies unswept on all chains, and sending one of them (spec 06)."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from minirelay.chain.amounts import coin_of, show_cost, show_exact
from minirelay.chain.token_symbols import show_currency
from minirelay.errors import ChainError
from minirelay.operations.operator import OperatorError
from minirelay.operations.payment_decisions import find_request
from minirelay.payments.sweep_rules import Verdict
from minirelay.payments.sweeping import Sweeper
from minirelay.payments.unswept import Unswept
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address
from minirelay.store.reader import Reader
from minirelay.store.unswept import SweepCandidate

log = logging.getLogger(__name__)

COIN_DECIMALS: Final = 18
UnsweptDocument = dict[str, str | int | None]


class Sweeps:
    """Looks, and has the relay's wallet send."""

    def __init__(self, reader: Reader, sweepers: Mapping[int, Sweeper]) -> None:
        """sweepers: by chain id, of the chains that can be paid on."""
        self._reader = reader
        self._sweepers = sweepers

    async def unswept(self, chain_id: int | None) -> list[UnsweptDocument]:
        """List what lies at payment addresses; of one chain, or of all. Raises OperatorError, StoreError."""
        sweepers = self._sweepers.values() if chain_id is None else [self._sweeper(chain_id)]
        found: list[UnsweptDocument] = []
        for sweeper in sweepers:
            candidates = await self._reader.sweep_candidates(sweeper.chain_id)
            try:
                lying = await sweeper.look(candidates)
            except ChainError as error:
                raise OperatorError(f"chain {sweeper.chain_id}: {error}") from error
            lying += await self._of_other_chains(sweeper)
            found += [_describe(one, sweeper.most_fee) for one in lying]
        return found

    async def _of_other_chains(self, sweeper: Sweeper) -> list[Unswept]:
        """List what lies on a chain and was asked for on another; a stranger who pays there stops no list."""
        strays = await self._reader.stray_candidates(sweeper.chain_id)
        try:
            return await sweeper.look(strays)
        except ChainError as error:
            extra = {"chain": sweeper.chain_id, "reason": str(error)}
            log.warning("what was paid on the wrong chain could not be looked at", extra=extra)
            return [_unread(one, sweeper.chain_id) for one in strays]

    async def sweep(self, named: str, chain_id: int | None = None) -> dict[str, str | bool]:
        """Sweep what lies at the address of a request; return when it is mined.

        named: see `find_request`. chain_id: where; None: on its own chain. Raises NoSuchPayment,
        OperatorError, StoreError.
        """
        request = await find_request(self._reader, named)
        own = request.request.chain_id
        sweeper = self._sweeper(own if chain_id is None else chain_id)
        if sweeper.chain_id == own:
            candidates = await self._reader.sweep_candidates(own, request_id=request.id)
        else:
            candidates = await self._reader.stray_candidates(sweeper.chain_id, request_id=request.id)
        if not candidates:
            raise OperatorError(f"nothing is known to lie on chain {sweeper.chain_id} for this request")
        (candidate,) = candidates
        try:
            swept = await sweeper.sweep(candidate)
        except ChainError as error:
            raise OperatorError(str(error)) from error
        return {
            "request": f"0x{request.id.hex()}",
            "transaction": f"0x{swept.transaction.hex()}",
            "left": str(swept.left),
            "is_overtaken": swept.is_overtaken,
        }

    def _sweeper(self, chain_id: int) -> Sweeper:
        sweeper = self._sweepers.get(chain_id)
        if sweeper is None:
            raise OperatorError(f"chain {chain_id} is not configured; set chains.{chain_id}.rpc_urls")
        return sweeper


def _unread(one: SweepCandidate, chain_id: int) -> Unswept:
    return Unswept(candidate=one, chain_id=chain_id, address=b"", amount=0, verdict=Verdict.UNREAD)


def _describe(one: Unswept, most_fee: int) -> UnsweptDocument:
    request, is_coin = one.candidate.request, one.candidate.request.currency == NATIVE_COIN
    decimals = COIN_DECIMALS if is_coin else one.candidate.decimals
    return {
        "request": f"0x{one.candidate.id.hex()}",
        "state": one.candidate.state.value,
        "shop": str(request.shop_id),
        "order": str(int.from_bytes(one.candidate.order_id)),
        "chain": one.chain_id,
        "request_chain": request.chain_id,
        "currency": coin_of(one.chain_id) if is_coin else checksum_address(request.currency),
        "currency_shown": show_currency(one.chain_id, request.currency),
        "address": checksum_address(one.address) if one.address else None,
        "payee": checksum_address(request.payee),
        "amount": str(one.amount),
        "amount_shown": _shown(one, decimals),
        "asked": str(request.amount),
        "until": datetime.fromtimestamp(request.ttl, UTC).isoformat().replace("+00:00", "Z"),
        "verdict": one.verdict.value,
        "why": one.why,
        "most_fee": str(most_fee),
        "most_fee_shown": show_cost(most_fee, one.chain_id),
    }


def _shown(one: Unswept, decimals: int | None) -> str:
    if one.verdict is Verdict.UNREAD:
        return "?"
    return f"{one.amount} units" if decimals is None else show_exact(one.amount, decimals)
