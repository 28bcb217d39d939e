"""What nodes and providers really say when they refuse something, with the code and where it comes from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Words:
    """An error of JSON-RPC. said_by: who says so."""

    said_by: str
    code: int
    message: str
    data: Any = None

    def __str__(self) -> str:
        return self.said_by


RANGES = (
    Words(
        "Infura: results",
        -32005,
        "query returned more than 10000 results. Try with this block range [0x1, 0x2].",
    ),
    Words("Infura: range", -32602, "range 1000000 exceeds limit of 10000"),
    Words(
        "Alchemy: size",
        -32602,
        "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no "
        "limit on the response size, or you can request any block range with a cap of 10K logs. "
        "Based on your parameters and the response size limit, this block range should work: [0x1, 0x2]",
    ),
    Words(
        "Alchemy: free",
        -32600,
        "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. "
        "Based on your parameters, this block range should work: [0x1, 0xa]. Upgrade to PAYG.",
    ),
    Words("QuickNode", -32614, "eth_getLogs is limited to a 10,000 range"),
    Words("QuickNode: trial", -32615, "eth_getLogs is limited to a 5 block range"),
    Words("Ankr: range", -32600, "block range is too wide"),
    Words("Ankr: size", -32000, "Response is too big"),
    Words("Ankr: distance", -32000, "maximum [from, to] blocks distance: 10000"),
    Words(
        "Cloudflare",
        -32047,
        "Invalid eth_getLogs request. 'fromBlock'-'toBlock' range too large. Max range: 800",
    ),
    Words(
        "Chainstack",
        -32602,
        "Block range limit exceeded. See more details at https://docs.example/limits",
    ),
    Words("publicnode", -32701, "exceed maximum block range: 50000"),
    Words("llamarpc", -32602, "query exceeds max results 20000, retry with the range 17000000-17000100"),
    Words("dRPC", 35, "ranges over 10000 blocks are not supported on freetier"),
    Words("dRPC: free plan", 35, "ranges over 10000 blocks are not supported on free plan"),
    Words("BSC", -32005, "limit exceeded"),
    Words("Polygon Bor", -32000, "Query returned more than 20000 results"),
    Words("Erigon", -32000, "block range is too large, maximum is 1000"),
    Words("Reth", -32602, "query exceeds max block range 100000"),
    Words("Nethermind", -32005, "Too many blocks requested: 2000, maximum: 1000 blocks"),
    Words("Besu", -32005, "Requested range exceeds maximum RPC range limit"),
    Words("Blast", -32614, "eth_getLogs is limited to a 10,000 range"),
    Words("Blast API", -32600, "the requested range exceeds the range allowed for your plan (10001 > 500)"),
    Words("thirdweb", -32602, "Maximum allowed number of requested blocks is 1000"),
    Words("1RPC", -32602, "eth_getLogs is limited to 0 - 10 blocks range"),
    Words("1RPC: size", -32602, "response size should not greater than 10000000 bytes"),
    Words("OMNIA", -32000, "block range too large; currently limited to 100 blocks"),
    Words(
        "BlockPI",
        -32602,
        "eth_getLogs is limited to 1024 block range. Please check the parameter requirements",
    ),
    Words("Coinbase", -32602, "please limit the query to at most 1000 blocks"),
    Words("Base", -32614, "block range too large"),
    Words("Optimism", -32020, "backend response too large"),
    Words("Arbitrum", -32000, "logs matched by query exceeds limit of 10000"),
    Words("Avalanche", -32000, "requested too many blocks from 1 to 5000, maximum is set to 2048"),
    Words("Harmony", -32000, "query must be smaller than size 1024"),
    Words("Moonriver", -32603, "block range is too wide (maximum 1024)"),
    Words(
        "Morph",
        -32000,
        "block range is larger than max block range, block range = 5120, max block range = 5000",
    ),
    Words("Aurora", -32000, "you can make requests with up to a 2000 block range"),
    Words("Somnia", -32000, "block range exceeds 1000"),
    Words("Merkle", -32602, "eth_getLogs range is too large, max is 10k blocks"),
    Words("Tenderly", -32602, "invalid params", {"payload": "range 9009594 is bigger than range limit 2000"}),
    Words("zkEVM", -32005, "query returned more than 10000 results"),
)
"""eth_getLogs that asked for too much."""

RATES = (
    Words("Infura: day", -32005, "daily request count exceeded, request rate limited"),
    Words("Infura: second", -32005, "project ID request rate exceeded", {"rate": {"backoff_seconds": 30}}),
    Words("Alchemy", 429, "Your app has exceeded its compute units per second capacity."),
    Words("Alchemy: month", 429, "Monthly capacity limit exceeded."),
    Words(
        "QuickNode",
        -32007,
        "15/second request limit reached - reduce calls per second or upgrade your account",
    ),
    Words("QuickNode: credits", -32012, "credits limited to 6000/sec"),
    Words("Base", -32016, "over rate limit"),
    Words("BSC", -32005, "method eth_call in batch triggered rate limit"),
    Words("dRPC", 15, "Too many requests, reach out to support@drpc.org"),
    Words("Ankr", -32097, "Too Many Requests, retry in 10s"),
    Words("1RPC", -32001, "usage limit reached for the day, please upgrade"),
    Words("Cloudflare", -32046, "Rate limit exceeded: too many requests"),
    Words("BlockPI", -32000, "request throttled: exceeds the quota"),
    Words("Tenderly", -32005, "you've exceeded the rate limit; slow down"),
    Words("any gateway", -32000, "429 Too Many Requests"),
)
"""Too many requests, some of them with a code that others use for ranges."""

BLOCKS = (
    Words("Geth: lags", -32000, "header not found"),
    Words("Geth: hash", -32000, "header for hash not found"),
    Words("Geth: fork", -32000, "hash is not currently canonical"),
    Words(
        "Geth: pruned",
        -32000,
        "missing trie node c96cd0abdc8a2c504f89396f2a1c84c35b2004368a8b5842cb6857b2 (path )",
    ),
    Words("Geth: history", 4444, "pruned history unavailable"),
    Words("Geth: state", -32000, "required historical state unavailable (reexec=128)"),
    Words("Geth: ahead", -32602, "block range extends beyond current head block"),
    Words("Geth: block", -39001, "Unknown block"),
    Words("Erigon", -32000, "old data not available due to pruning"),
    Words("Erigon: fork", -32603, "hash 0d30235c89b4c59bffbf3d8997921d6b666835f4 is not currently canonical"),
    Words("Reth", -32602, "distance to target block exceeds maximum proof window"),
    Words("Reth: block", -32001, "block not found: hash 0x0d30235c89b4c59bffbf3d8997921d6b666835f4e7ea8eb2"),
    Words("Reth: state", 4444, "state at block #1 is pruned"),
    Words("Nethermind", -32002, "No state available for block 1 (0x0d30)"),
    Words(
        "Nethermind: logs",
        -32000,
        "One of the blocks specified in filter (fromBlock, toBlock or blockHash) cannot be found.",
    ),
    Words("Besu", -32000, "World state unavailable"),
    Words("Besu: block", -39001, "Block not found"),
    Words("Avalanche", -32000, "cannot query unfinalized data"),
    Words(
        "publicnode",
        -32701,
        "History has been pruned for this block. To remove restrictions, order a dedicated full node here",
    ),
    Words("Infura", -32000, "project ID does not have access to archive state"),
    Words("Polygon Bor", -32000, "invalid block range"),
)
"""Blocks that a node does not have (yet, any more, or on its fork), or not their state."""

BATCHES = (
    Words(
        "dRPC", 31, "Batch of more than 3 requests are not allowed on free tier, to use this feature register"
    ),
    Words("Geth", -32600, "batch too large"),
    Words(
        "Erigon",
        -32600,
        "batch limit 100 exceeded (can increase by --rpc.batch.limit). Requested batch of size: 200",
    ),
    Words("Nethermind", -32005, "Batch size limit exceeded"),
    Words("Besu", -32005, "Number of requests in batch exceeds --rpc-max-batch-size."),
    Words("Substrate", -32005, "Batched requests are not supported by this server"),
    Words("Substrate: size", -32010, "The batch request was too large", "Exceeded max limit of 10"),
    Words("zkEVM", -32000, "batch requests are disabled"),
)
"""Too many questions in a batch, or any."""

GAS = (
    Words("Geth", -32000, "out of gas"),
    Words("Geth: estimate", -32000, "gas required exceeds allowance (40000000)"),
    Words("Geth: little", -32000, "intrinsic gas too low: have 20000, want 21000"),
    Words("Nethermind", -32015, "OutOfGas"),
    Words("Besu", -32000, "Transaction gas limit exceeds block gas limit"),
    Words("Polygon Bor", -32000, "exceeds block gas limit"),
    Words("Reth", -32003, "out of gas: gas required exceeds allowance: 30000000"),
)
"""Calls with too little gas, or more than the node gives."""

CALLS = (
    Words("Geth", -32000, "invalid opcode: INVALID"),
    Words("Geth: undefined", -32000, "invalid opcode: opcode 0x4f not defined"),
    Words("Geth: stack", -32000, "stack underflow (0 <=> 2)"),
    Words("Geth: jump", -32000, "invalid jump destination"),
    Words("Geth: static", -32000, "write protection"),
    Words("Nethermind", -32015, "VM execution error.", "BadInstruction"),
    Words("Reth", -32003, "EVM error: InvalidFEOpcode"),
)
"""Contracts that fail without reverting."""
