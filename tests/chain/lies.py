"""What an endpoint may answer instead of the truth: anything that JSON can hold, in any place of it."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from minirelay.protocol.json_rpc import Answer, Request, Result, RpcError
from tests.chain.model_node import ModelNode

_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1.0, 1e308, 2**64, 10**400, [], {}, [[]], [None], {"number": None}),
    *("", "0x", "0x0", "0x1", "-0x1", "latest", "0x" + "f" * 64, "0x" + "f" * 65, "0x" + "00" * 1000),
    *("0x" + "0" * 64, hex(2**40), hex(2**40 + 1), "é\x00\n"),
)
_WORDS: Final = ("execution reverted", "header not found", "too many results", "x" * 1000)


def lying(truth: ModelNode, random: Random, rate: float) -> Callable[[Request], Answer | None]:
    """Answer some questions, `rate` of them, with what resembles the truth."""

    def answer(request: Request) -> Answer | None:
        if random.random() > rate:
            return None
        if random.random() < 0.1:
            return RpcError(random.choice((-32000, 3, 2**70)), random.choice(_WORDS), random.choice(_VALUES))
        told = truth.answer(request)
        return Result(changed(random, told.value)) if isinstance(told, Result) else told

    return answer


def changed(random: Random, value: Any) -> Any:
    """Change one place of a value, at any depth."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.25:
        return random.choice(_VALUES)
    if isinstance(value, dict):
        key = random.choice(list(value))
        rest = {name: member for name, member in value.items() if name != key}
        return rest if random.random() < 0.2 else value | {key: changed(random, value[key])}
    place, how = random.randrange(len(value)), random.random()
    if how < 0.4:
        return [*value, value[place]] if how < 0.2 else value[::-1] * random.choice((1, 50))
    return [*value[:place], changed(random, value[place]), *value[place + 1 :]]
