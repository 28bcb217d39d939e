"""What a JSON-RPC caller is told instead of a result."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
LIMIT_EXCEEDED = -32005
# The code with which nodes report a revert; `data` is then what the contract reverted with.
EXECUTION_REVERTED = 3


class RpcError(Exception):
    """A call failed: a JSON-RPC error code, words, and for a revert its data as 0x hex."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        """code: one of this module's. message: in words, as nodes phrase it where libraries look at it."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def invalid_params(message: str) -> RpcError:
    """Make the error for parameters of a wrong form."""
    return RpcError(INVALID_PARAMS, message)


def refused(message: str) -> RpcError:
    """Make the error for a well-formed call that can't be done."""
    return RpcError(SERVER_ERROR, message)
