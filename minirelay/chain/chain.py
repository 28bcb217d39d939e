"""One chain: its endpoints in order of preference, asked until one answers (spec 07, "Endpoints fail")."""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import aiohttp

from minirelay.chain.answer_bounds import WORD_BYTES
from minirelay.chain.endpoint import LONGEST_BACKOFF_S, TIMEOUT_S, Backoff, Endpoint
from minirelay.chain.errors import ChainUnreachable, EndpointFailure, NodeRefused, Reverted
from minirelay.chain.json_rpc import read_data, read_quantity, write_data
from minirelay.config.values import EndpointUrl
from minirelay.errors import MalformedInput

T = TypeVar("T")

log = logging.getLogger(__name__)

_random = secrets.SystemRandom().random

_MAY_BE_REFUSED: Final = {
    "eth_sendRawTransaction",
    "eth_estimateGas",
    "eth_maxPriorityFeePerGas",
    "eth_getLogs",
}
"""Methods whose errors are for whoever asked; of all others they mean that the endpoint doesn't work."""

_TOO_MANY_REQUESTS: Final = (-32005, 429)


class _EndpointState:
    """An endpoint's state in the order."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.backoff = Backoff()
        self.is_on_chain = False


class Chain:
    """One chain, as long as one of its endpoints works."""

    def __init__(
        self,
        chain_id: int,
        urls: Sequence[EndpointUrl],
        http: aiohttp.ClientSession,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = _random,
    ) -> None:
        """http: stays open as long as this is used. clock: in seconds. jitter: between 0 and 1."""
        self.chain_id = chain_id
        self._endpoints = [_EndpointState(Endpoint(http, url, timeout_s=timeout_s)) for url in urls]
        self._clock = clock
        self._jitter = jitter

    async def request(
        self, method: str, params: Sequence[object], read: Callable[[object], T], *, data_bytes: int = 0
    ) -> T:
        """Ask until an endpoint gives an answer that `read` can use.

        read: raises MalformedInput for an answer of the wrong type or size, which counts as a failure
        of the endpoint. data_bytes: the most that a call may return. Raises Reverted; NodeRefused, only for
        methods that may be refused; ChainUnreachable.
        """
        for state in self._endpoints:
            if state.backoff.left(self._clock()):
                continue
            asked_at = self._clock()
            try:
                answer = await self._ask(state, method, params, read, data_bytes)
            except EndpointFailure as failure:
                self._back_off(state, failure, asked_at)
            else:
                self._mark_healthy(state)
                return answer
        raise ChainUnreachable(self._message())

    async def call(
        self, to: bytes, data: bytes, read: Callable[[bytes], T], *, data_bytes: int = WORD_BYTES
    ) -> T:
        """Call a contract (20-byte address, call data) on the latest block. Raises like `request`."""
        return await self.request(
            "eth_call",
            [{"to": write_data(to), "data": write_data(data)}, "latest"],
            lambda answer: read(read_data(answer)),
            data_bytes=data_bytes,
        )

    async def quantity(self, method: str, *params: object) -> int:
        """Ask for an integer. Raises like `request`."""
        return await self.request(method, params, read_quantity)

    async def _ask(
        self,
        state: _EndpointState,
        method: str,
        params: Sequence[object],
        read: Callable[[object], T],
        data_bytes: int,
    ) -> T:
        try:
            if not state.is_on_chain:
                await self._check_chain(state)
            return read(await state.endpoint.ask(method, params, data_bytes))
        except MalformedInput as error:
            raise EndpointFailure(f"its answer to {method} can't be used: {error}") from error
        except NodeRefused as refusal:
            if refusal.is_revert:
                # Whatever the contract says (its data) is for people only, and no wider than a line.
                raise Reverted(refusal.message) from refusal
            if method in _MAY_BE_REFUSED and not _is_rate_limit(refusal, method):
                raise
            raise EndpointFailure(f"it refuses {method}: {refusal}") from refusal

    async def _check_chain(self, state: _EndpointState) -> None:
        try:
            found = read_quantity(await state.endpoint.ask("eth_chainId", ()))
        except NodeRefused as refusal:
            raise EndpointFailure(f"it refuses eth_chainId: {refusal}") from refusal
        if found != self.chain_id:
            # Nothing that mends itself in a moment.
            raise EndpointFailure(f"it is on chain {found}, not {self.chain_id}", LONGEST_BACKOFF_S)
        state.is_on_chain = True

    def _back_off(self, state: _EndpointState, failure: EndpointFailure, asked_at: float) -> None:
        now = self._clock()
        state.backoff.begin(now, failure, asked_at, self._jitter())
        state.is_on_chain = False
        log.warning(
            "a chain endpoint failed",
            extra={
                "chain": self.chain_id,
                "endpoint": state.endpoint.name,
                "reason": str(failure),
                "rest_s": round(state.backoff.left(now), 1),
            },
        )

    def _mark_healthy(self, state: _EndpointState) -> None:
        if state.backoff.reason:
            extra = {"chain": self.chain_id, "endpoint": state.endpoint.name}
            log.info("a chain endpoint works again", extra=extra)
            state.backoff.end()

    def _message(self) -> str:
        if not self._endpoints:
            return f"chain {self.chain_id} has no endpoint; set chains.{self.chain_id}.rpc_urls"
        reasons = "; ".join(
            f"{p.endpoint.name}: {p.backoff.reason or 'failed just now'}" for p in self._endpoints
        )
        return f"no endpoint of chain {self.chain_id} can be used: {reasons}"


def _is_rate_limit(refusal: NodeRefused, method: str) -> bool:
    # With eth_getLogs the same code means that the range is too large: that is for whoever asked.
    return refusal.code in _TOO_MANY_REQUESTS and method != "eth_getLogs"
