"""JSON-RPC 2.0: from the bytes of a request to the bytes of its answer."""

import json
import logging
from typing import Any

from minirelay.dev.chain import (
    methods_blocks,
    methods_control,
    methods_logs,
    methods_node,
    methods_state,
)
from minirelay.dev.chain.context import Context, Method, Params
from minirelay.dev.chain.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    invalid_params,
)
from minirelay.errors import MalformedInput
from minirelay.protocol.json_reading import decode_json

logger = logging.getLogger(__name__)

MAX_BATCH = 1000

METHODS: dict[str, Method] = {
    **methods_blocks.METHODS,
    **methods_control.METHODS,
    **methods_logs.METHODS,
    **methods_node.METHODS,
    **methods_state.METHODS,
}


def answer(context: Context, body: bytes) -> bytes:
    """Answer a request or a batch. Empty when there is nothing to answer: only notifications."""
    try:
        request = decode_json(body, object)
    except MalformedInput as error:
        return encode(_error(None, RpcError(PARSE_ERROR, f"parse error: {error}")))
    if not isinstance(request, list):
        response = _answer_one(context, request)
        return b"" if response is None else encode(response)
    if not 0 < len(request) <= MAX_BATCH:
        problem = RpcError(INVALID_REQUEST, f"a batch has 1 to {MAX_BATCH} requests")
        return encode(_error(None, problem))
    responses = [r for r in (_answer_one(context, one) for one in request) if r is not None]
    return encode(responses) if responses else b""


def _answer_one(context: Context, request: object) -> dict[str, Any] | None:
    if not isinstance(request, dict) or not _is_valid(request):
        return _error(None, RpcError(INVALID_REQUEST, "invalid request"))
    request_id = request.get("id")
    try:
        result = _call(context, request["method"], request.get("params"))
        response = {"jsonrpc": "2.0", "id": request_id, "result": result}
    except RpcError as error:
        response = _error(request_id, error)
    except Exception:
        logger.exception("method %.80s failed", request["method"])
        response = _error(request_id, RpcError(INTERNAL_ERROR, "internal error"))
    return response if "id" in request else None


def _is_valid(request: dict[str, object]) -> bool:
    is_version_right = request.get("jsonrpc", "2.0") == "2.0"
    request_id = request.get("id")
    is_id_right = request_id is None or (
        isinstance(request_id, (str, int, float)) and not isinstance(request_id, bool)
    )
    return is_version_right and is_id_right and isinstance(request.get("method"), str)


def _call(context: Context, name: str, params: object) -> Any:
    method = METHODS.get(name)
    if method is None:
        raise RpcError(METHOD_NOT_FOUND, f"the method {name[:80]} does not exist/is not available")
    if params is not None and not isinstance(params, list):
        raise invalid_params("parameters must be an array")
    return method(context, Params(params or []))


def _error(request_id: object, error: RpcError) -> dict[str, Any]:
    content: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        content["data"] = error.data
    return {"jsonrpc": "2.0", "id": request_id, "error": content}


def encode(response: object) -> bytes:
    """Write an answer, or a notification."""
    return json.dumps(response, separators=(",", ":")).encode()
