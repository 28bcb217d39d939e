"""What an endpoint means by an error, in its own words: nodes and providers agree on few codes (spec 07).

The same code means that too many requests came and that one asked for too much, so the words decide, and a
code alone only where it has one meaning. Words that nobody has seen are UNKNOWN, which is never a "no".
"""

import re
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Final

LONGEST_RETRY_S: Final = 3600.0
"""The longest pause that an error may ask for."""


class Refusal(Enum):
    """Why an endpoint does not answer a question."""

    RATE_LIMIT = "too many requests"
    BATCH_TOO_LARGE = "too many questions at once"
    BLOCK_UNKNOWN = "it does not have the block, or not its state"
    OUT_OF_GAS = "the call has too little gas, or more than it gives"
    CALL_FAILED = "the contract that is called failed"
    RANGE_TOO_LARGE = "it is asked for too much at once"
    UNKNOWN = "other words"


def refusal_of(method: str, code: int, message: str, data: object = None) -> Refusal:
    """Return what an error means. method: what was asked. data: any JSON, as it came with the error."""
    return _meaning(method, code, f"{message[:_MOST_CHARACTERS]} {_beside(data)}")


@lru_cache(maxsize=512)
def _meaning(method: str, code: int, words: str) -> Refusal:
    """Return what words mean; all errors of a batch are looked at several times, and mostly the same."""
    if code == _TOO_MANY_REQUESTS:
        return Refusal.RATE_LIMIT
    for refusal, pattern in _WORDS.items():
        if pattern.search(words):
            return refusal
    if _RESPONSE_WORDS.search(words) or (method in _LARGE_METHODS and _TIME_WORDS.search(words)):
        return Refusal.RANGE_TOO_LARGE
    if method == "eth_getLogs":
        return Refusal.RANGE_TOO_LARGE if _RANGE_WORDS.search(words) else Refusal.UNKNOWN
    return Refusal.RATE_LIMIT if code == _LIMIT_EXCEEDED else Refusal.UNKNOWN


def retry_after_of(message: str, data: object = None) -> float | None:
    """Return how many seconds an error asks to wait, or None if it doesn't say."""
    outer = data if isinstance(data, dict) else {}
    inner = outer.get("rate")
    for members in (outer, inner if isinstance(inner, dict) else {}):
        for name in _RETRY_MEMBERS:
            wait_s = _seconds(members.get(name))
            if wait_s is not None:
                return wait_s
    match = _RETRY_WORDS.search(message)
    return _seconds(match[1]) if match else None


_TOO_MANY_REQUESTS: Final = 429
_LIMIT_EXCEEDED: Final = -32005
"""EIP-1474: "Request exceeds defined limit"; with logs it is mostly the range that does."""

_LARGE_METHODS: Final = frozenset({"eth_getLogs", "eth_call"})
"""What is asked for less when it takes a node too long."""

_WORDS: Final = {
    Refusal.RATE_LIMIT: re.compile(
        r"too many requests|\brate[ -]?limit|\brequest rate\b|\brate exceeded|\brequest limit\b"
        r"|\blimit reached|\b(?:requests?|calls?|units?|credits?) (?:per|limited)\b|\bper second\b"
        r"|\d ?/ ?s(?:ec(?:ond)?)?\b"
        r"|\bcompute units\b|\bquota\b|(?<!memory )\bcapacity (?:limit|exceeded)|\bmonthly capacity\b"
        r"|\bdaily (?:request|limit|usage)|\bthrottl|\busage limit|\bover rate\b|\bRPS\b",
        re.IGNORECASE,
    ),
    Refusal.BATCH_TOO_LARGE: re.compile(r"\bbatch(?:es|ed|ing)?\b|--rpc-max-batch-size", re.IGNORECASE),
    Refusal.BLOCK_UNKNOWN: re.compile(
        r"\bheader not found|\bheader for hash\b|\bmissing trie node|\bunknown (?:block|header|ancestor)"
        r"|\bblock .{0,80}(?:not found|does not exist|cannot be found|is out of range|not available)"
        r"|\b(?:cannot|could not|unable to|failed to) (?:find|get|load) (?:the )?(?:block|header)"
        r"|\bblocks specified in filter\b|\bnot (?:currently )?canonical|\bnon-?canonical"
        r"|\bprun(?:ed|ing)\b|\barchiv(?:e|al)\b|\bmissing historical"
        r"|\bhistorical (?:state|data|information)\b"
        r"|\bstate (?:is |at block \S+ is )?(?:not available|unavailable|missing)|\bno state available"
        r"|\bdistance to target block exceeds|\bunfinalized\b|\binvalid block range"
        r"|\bbeyond (?:the )?(?:current )?(?:head|latest)|\bfuture block|\bblock (?:number )?too high",
        re.IGNORECASE,
    ),
    Refusal.OUT_OF_GAS: re.compile(
        r"\bout of gas\b|\bgas required exceeds|\bintrinsic gas too low"
        r"|\bgas (?:limit )?(?:is )?too (?:low|high)"
        r"|\bexceeds (?:the )?(?:block|transaction|rpc|allowed|maximum)? ?gas|\bgas (?:cap|uint64 overflow)\b"
        r"|\bgas limit (?:reached|exceed)|\bOutOfGas\b|\bgas above allowance",
        re.IGNORECASE,
    ),
    Refusal.CALL_FAILED: re.compile(
        r"\binvalid opcode|\bopcode \S+ not defined|\bstack (?:underflow|overflow|limit)"
        r"|\b(?:invalid|bad) jump"
        r"|\bwrite protection\b|\breturn ?data out of bounds|\bmax call depth|\bVM execution error\b"
        r"|\bInvalidFEOpcode\b|\bOpcodeNotFound\b|\bStackUnderflow\b|\bBadInstruction\b",
        re.IGNORECASE,
    ),
}
"""In this order: a rate limit may speak of batches and blocks, what is too large seldom of rates."""

_RESPONSE_WORDS: Final = re.compile(
    r"\bresponse (?:size|is too|too)|\bresult (?:set|size)|\btoo many (?:results|logs)|\bmemory capacity"
    r"|\bexceeds max(?:imum)? results|\bmore than [\d,]+ (?:results|logs)",
    re.IGNORECASE,
)
_TIME_WORDS: Final = re.compile(r"\btime(?:d ?|-)?out\b|\bdeadline exceeded|\btook too long", re.IGNORECASE)
_RANGE_WORDS: Final = re.compile(
    r"\branges?\b|\blimit exceeded|\bexceeds (?:the )?limit|\bmust be smaller than size"
    r"|\bblocks? distance|\bto remove restrictions\b"
    r"|\b(?:max|maximum|limit|limited|exceeds?|too many|too large|at most|more than)\b.{0,60}\bblocks?\b",
    re.IGNORECASE,
)

_MOST_TEXTS: Final = 8
_MOST_CHARACTERS: Final = 300
_MOST_BESIDE: Final = 200


def _beside(data: object) -> str:
    """Return the words that came beside the message: some endpoints put theirs only there."""
    found = islice(data.values(), _MOST_TEXTS) if isinstance(data, dict) else [data]
    return " ".join(text[:_MOST_BESIDE] for text in found if isinstance(text, str))[:_MOST_BESIDE]


_RETRY_MEMBERS: Final = ("backoff_seconds", "retry_after", "retryAfter", "retry-after", "try_again_in")
_SPAN: Final = r"\d{1,6}(?:\.\d{1,9})?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)?\b"
_RETRY_WORDS: Final = re.compile(rf"\b(?:try again|retry)(?: (?:in|after))?:? ({_SPAN})", re.IGNORECASE)
_SPAN_PARTS: Final = re.compile(r"([\d.]+)\s*([a-z]*)")


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        if not re.fullmatch(_SPAN, value.strip(), re.IGNORECASE):
            return None
        amount, unit = _SPAN_PARTS.fullmatch(value.strip().lower()).groups()  # type: ignore[union-attr]
        return _bounded(float(amount) * _unit_s(unit))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _bounded(value)


def _unit_s(unit: str) -> float:
    if unit.startswith(("ms", "mil")):
        return 0.001
    return {"m": 60.0, "h": 3600.0}.get(unit[:1], 1.0)


def _bounded(wait_s: float) -> float | None:
    return float(min(wait_s, LONGEST_RETRY_S)) if 0 < wait_s < float("inf") else None
