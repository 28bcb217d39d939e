"""What the wallets of development have."""

from collections.abc import Sequence
from typing import Any

from minirelay.chain.chain import Chain
from minirelay.chain.errors import Reverted
from minirelay.chain.question import Question
from minirelay.protocol.erc20 import BALANCE_OF
from minirelay.protocol.json_rpc import Request, read_data, read_quantity, write_data


async def holdings(chain: Chain, addresses: Sequence[str], eddies: str | None) -> list[dict[str, Any]]:
    """Return the balances of addresses (0x hex): `coins` in wei, and `eddies` in cents, as texts.

    eddies: the token's address, if there is one. Raises ChainError.
    """
    questions = [Question(Request("eth_getBalance", [one, "latest"]), read_quantity) for one in addresses]
    if eddies is not None:
        questions += [_token_balance(eddies, one) for one in addresses]
    answers = [None if isinstance(one, Reverted) else str(one) for one in await chain.request_many(questions)]
    coins, tokens = answers[: len(addresses)], answers[len(addresses) :] or [None] * len(addresses)
    return [{"coins": one, "eddies": other} for one, other in zip(coins, tokens, strict=True)]


def _token_balance(token: str, holder: str) -> Question[int]:
    call = {"to": token, "data": write_data(BALANCE_OF.encode(holder))}
    return Question(
        Request("eth_call", [call, "latest"], BALANCE_OF.most_bytes),
        lambda result: int(BALANCE_OF.decode(read_data(result))[0]),
    )
