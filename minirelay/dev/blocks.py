"""Blocks at will: what developers do to the chain, in the words that Anvil knows, too."""

from collections.abc import Iterator
from itertools import chain as chained

from minirelay.chain.chain import Chain
from minirelay.errors import ConfigError, MalformedInput
from minirelay.protocol.json_rpc import read_data, write_data


async def mine(chain: Chain, blocks: int) -> str:
    """Make blocks; return what there is to say. All of these raise ChainError."""
    await chain.request("anvil_mine", [hex(blocks)], _anything)
    return f"mined {blocks}; the head is block {await _head(chain)}"


async def stop(chain: Chain) -> str:
    """Make no blocks by itself."""
    await chain.request("evm_setIntervalMining", [0], _anything)
    await chain.request("evm_setAutomine", [False], _anything)
    return f"no blocks from now on; the head is block {await _head(chain)}"


async def go(chain: Chain) -> str:
    """Make a block for each transaction."""
    await chain.request("evm_setAutomine", [True], _anything)
    return f"a block for each transaction; the head is block {await _head(chain)}"


async def reorganise(chain: Chain, depth: int, *, moves: bool) -> str:
    """Replace the newest blocks by one more than there were.

    moves: their transactions come into the last of the new ones; otherwise they are gone. Raises ConfigError,
    too, if there are not so many.
    """
    head = await _head(chain)
    if depth > head:
        raise ConfigError(f"the chain has {head} blocks behind its first: it can't go back {depth}")
    numbers = range(head - depth + 1, head + 1)
    hashes = list(chained.from_iterable([await _transactions(chain, number) for number in numbers]))
    moved = [[write_data(await _raw(chain, digest)), depth - 1] for digest in hashes] if moves else []
    await chain.request("anvil_reorg", [depth, moved], _anything)
    # The longer one is the chain.
    await chain.request("anvil_mine", ["0x1"], _anything)
    is_one = len(hashes) == 1
    count = "1 transaction" if is_one else f"{len(hashes)} transactions"
    verb = ("was" if is_one else "were") if moves else ("is" if is_one else "are")
    what = "moved" if moves else "gone"
    return f"{depth} replaced; their {count} {verb} {what}; the head is block {head + 1}"


async def _head(chain: Chain) -> int:
    return await chain.quantity("eth_blockNumber")


async def _transactions(chain: Chain, number: int) -> list[bytes]:
    return await chain.request("eth_getBlockByNumber", [hex(number), False], lambda one: list(_hashes(one)))


def _hashes(block: object) -> Iterator[bytes]:
    if not isinstance(block, dict) or not isinstance(block.get("transactions"), list):
        raise MalformedInput("not a block")
    yield from map(read_data, block["transactions"])


async def _raw(chain: Chain, digest: bytes) -> bytes:
    return await chain.request("eth_getRawTransactionByHash", [write_data(digest)], read_data)


def _anything(result: object) -> object:
    return result
