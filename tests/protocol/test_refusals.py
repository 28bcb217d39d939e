"""What endpoints mean by their errors: the real words of nodes and providers, and what nobody has seen."""

from typing import Any

import pytest

from minirelay.protocol.refusals import LONGEST_RETRY_S, Refusal, refusal_of, retry_after_of
from tests.chain.provider_words import BATCHES, BLOCKS, CALLS, GAS, RANGES, RATES, Words


def meant(words: Words, method: str) -> Refusal:
    return refusal_of(method, words.code, words.message, words.data)


@pytest.mark.parametrize("words", RANGES, ids=str)
def test_a_range_that_is_too_large(words: Words) -> None:
    assert meant(words, "eth_getLogs") is Refusal.RANGE_TOO_LARGE


@pytest.mark.parametrize("words", RATES, ids=str)
@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call", "eth_getBlockByNumber"])
def test_a_rate_limit(words: Words, method: str) -> None:
    assert meant(words, method) is Refusal.RATE_LIMIT


@pytest.mark.parametrize("words", BLOCKS, ids=str)
@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call", "eth_getBalance"])
def test_a_block_that_it_does_not_have(words: Words, method: str) -> None:
    assert meant(words, method) is Refusal.BLOCK_UNKNOWN


@pytest.mark.parametrize("words", BATCHES, ids=str)
def test_a_batch_that_is_too_large(words: Words) -> None:
    assert meant(words, "eth_getBalance") is Refusal.BATCH_TOO_LARGE


@pytest.mark.parametrize("words", GAS, ids=str)
def test_a_call_without_enough_gas(words: Words) -> None:
    assert meant(words, "eth_call") is Refusal.OUT_OF_GAS


@pytest.mark.parametrize("words", CALLS, ids=str)
def test_a_contract_that_fails_without_reverting(words: Words) -> None:
    assert meant(words, "eth_call") is Refusal.CALL_FAILED


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call"])
@pytest.mark.parametrize(
    "message",
    ["query timeout exceeded", "request timed out", "context deadline exceeded", "response size exceeded"],
)
def test_what_takes_too_long_or_too_much_room_is_asked_for_less(method: str, message: str) -> None:
    assert refusal_of(method, -32000, message) is Refusal.RANGE_TOO_LARGE


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_call", "eth_getBlockByNumber"])
@pytest.mark.parametrize(
    "message",
    ["internal error", "", "invalid argument 0: hex string without 0x prefix", "method not found", "oops"],
)
def test_words_that_nobody_has_seen_are_never_a_no(method: str, message: str) -> None:
    assert refusal_of(method, -32000, message) is Refusal.UNKNOWN


def test_one_code_for_both() -> None:
    assert (
        refusal_of("eth_getLogs", -32005, "query returned more than 10000 results") is Refusal.RANGE_TOO_LARGE
    )
    assert refusal_of("eth_getLogs", -32005, "daily request count exceeded") is Refusal.RATE_LIMIT
    # Alone it is a limit of requests, but for logs, where it may be either.
    assert refusal_of("eth_call", -32005, "no") is Refusal.RATE_LIMIT
    assert refusal_of("eth_getLogs", -32005, "no") is Refusal.UNKNOWN


def test_http_s_own_code_is_a_rate_limit_whatever_the_words() -> None:
    assert refusal_of("eth_getLogs", 429, "block range too large") is Refusal.RATE_LIMIT


def test_words_beside_the_message_count() -> None:
    data = {"payload": "range 9009594 is bigger than range limit 2000"}
    assert refusal_of("eth_getLogs", -32602, "invalid params", data) is Refusal.RANGE_TOO_LARGE
    assert refusal_of("eth_call", -32000, "", "rate limit") is Refusal.RATE_LIMIT


@pytest.mark.parametrize(
    "data", [None, 7, [], ["rate limit"], {"a": {"b": "rate limit"}}, {1: 2}, "x" * 10**6]
)
def test_whatever_comes_beside_it(data: object) -> None:
    assert refusal_of("eth_call", -32000, "oops", data) is Refusal.UNKNOWN
    assert retry_after_of("oops", data) is None


@pytest.mark.parametrize(
    ("message", "data", "wait_s"),
    [
        ("", {"rate": {"backoff_seconds": 30.0, "allowed_rps": 10.0}}, 30.0),
        ("", {"backoff_seconds": 7}, 7.0),
        ("", {"try_again_in": "1.5s"}, 1.5),
        ("", {"try_again_in": "250ms"}, 0.25),
        ("", {"retry_after": "2m"}, 120.0),
        ("too many requests, try again in 3 seconds", None, 3.0),
        ("Rate limited. Retry after 10s.", None, 10.0),
        ("retry in 1h", None, 3600.0),
        ("retry in 999999 h", None, LONGEST_RETRY_S),
        ("", {"backoff_seconds": 10**400}, LONGEST_RETRY_S),
    ],
)
def test_how_long_it_wants_to_be_left_alone(message: str, data: Any, wait_s: float) -> None:
    assert retry_after_of(message, data) == wait_s


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("retry with the range 120-300", None),
        ("try again later", None),
        ("retry in 99999999999999999999", None),
        ("", {"backoff_seconds": -1}),
        ("", {"backoff_seconds": True}),
        ("", {"backoff_seconds": float("inf")}),
        ("", {"backoff_seconds": float("nan")}),
        ("", {"try_again_in": "soon"}),
        ("", {"rate": "7"}),
    ],
)
def test_what_is_no_such_wish(message: str, data: Any) -> None:
    assert retry_after_of(message, data) is None


class Counted(dict[str, str]):
    """Counts which of its values are looked at."""

    looked_at = 0

    def values(self) -> Any:
        for value in super().values():
            self.looked_at += 1
            yield value


def test_of_very_much_that_comes_beside_it_little_is_looked_at() -> None:
    data = Counted({str(number): "oops" for number in range(10_000)})
    assert refusal_of("eth_call", -32000, "oops", data) is Refusal.UNKNOWN
    assert data.looked_at <= 8


def test_words_far_behind_are_not_looked_at() -> None:
    assert refusal_of("eth_call", -32000, "x" * 300 + " rate limit") is Refusal.UNKNOWN
    assert refusal_of("eth_call", -32000, "", "x" * 200 + " rate limit") is Refusal.UNKNOWN
