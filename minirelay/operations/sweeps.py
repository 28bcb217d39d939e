"""The operator's sweeps: what lies unswept on all chains, and sending one of them (spec 06)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from minirelay.chain.amounts import coin_of, show_cost, show_exact
from minirelay.chain.token_symbols import show_currency
from minirelay.errors import ChainError
from minirelay.operations.operator import OperatorError
from minirelay.operations.payment_decisions import find_request
from minirelay.payments.sweep_rules import Verdict
from minirelay.payments.sweeping import WHY, Sweeper, Unswept
from minirelay.protocol.addresses import NATIVE_COIN
from minirelay.protocol.signing import checksum_address
from minirelay.store.reader import Reader

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
            found += [_describe(one, sweeper.most_fee) for one in lying]
        return found

    async def sweep(self, named: str) -> dict[str, str | bool]:
        """Sweep what lies at the address of a request; return when it is mined.

        named: see `find_request`. Raises NoSuchPayment, OperatorError, StoreError.
        """
        request = await find_request(self._reader, named)
        sweeper = self._sweeper(request.request.chain_id)
        (candidate,) = await self._reader.sweep_candidates(sweeper.chain_id, request_id=request.id)
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


def _describe(one: Unswept, most_fee: int) -> UnsweptDocument:
    request, is_coin = one.candidate.request, one.candidate.request.currency == NATIVE_COIN
    decimals = COIN_DECIMALS if is_coin else one.candidate.decimals
    return {
        "request": f"0x{one.candidate.id.hex()}",
        "state": one.candidate.state.value,
        "shop": str(request.shop_id),
        "order": str(int.from_bytes(one.candidate.order_id)),
        "chain": request.chain_id,
        "currency": coin_of(request.chain_id) if is_coin else checksum_address(request.currency),
        "currency_shown": show_currency(request.chain_id, request.currency),
        "address": checksum_address(one.address),
        "payee": checksum_address(request.payee),
        "amount": str(one.amount),
        "amount_shown": _shown(one, decimals),
        "asked": str(request.amount),
        "until": datetime.fromtimestamp(request.ttl, UTC).isoformat().replace("+00:00", "Z"),
        "verdict": one.verdict.value,
        "why": WHY[one.verdict],
        "most_fee": str(most_fee),
        "most_fee_shown": show_cost(most_fee, request.chain_id),
    }


def _shown(one: Unswept, decimals: int | None) -> str:
    if one.verdict is Verdict.UNREAD:
        return "?"
    return f"{one.amount} units" if decimals is None else show_exact(one.amount, decimals)
