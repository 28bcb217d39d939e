"""The operator's API: JSON over HTTP, for whoever was let in (spec 09 "The operator's listener")."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from minirelay.blobs.cid import write_cid
from minirelay.errors import MalformedInput, MinirelayError, StoreError
from minirelay.operations.alert_document import describe_alert
from minirelay.operations.operator import NoSuchPayment, Operator, OperatorError, UnknownAlert, UnknownBlob
from minirelay.operations.payment_decisions import PaymentDecisions
from minirelay.operations.sweeps import Sweeps
from minirelay.web.admin_socket import user_of

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
UNSWEPT: Final = "/v1/payments/unswept"
SWEEP: Final = "/v1/payments/{request:(?:0x)?[0-9A-Fa-f]{1,64}}/sweep"
MOST_REASON: Final = 500
ACKNOWLEDGE: Final = "/v1/alerts/{id:[0-9]{1,19}}/acknowledge"
DECIDE: Final = "/v1/payments/{request:(?:0x)?[0-9A-Fa-f]{1,64}}/{decision:accept|dismiss}"
REMOVE_BLOB: Final = "/v1/blobs/{cid:[0-9A-Za-z]{1,100}}/remove"

_STATUSES: Final[dict[type[MinirelayError], int]] = {UnknownAlert: 404, NoSuchPayment: 404, UnknownBlob: 404}


def create_admin_app(operator: Operator, payments: PaymentDecisions, sweeps: Sweeps) -> web.Application:
    """Make the application that answers the operator. It lets everybody in: what it listens on does not."""
    app = web.Application(middlewares=[_answer_errors], client_max_size=MAX_BODY_BYTES)

    async def acknowledge(request: web.Request) -> web.Response:
        alert = await operator.acknowledge(int(request.match_info["id"]))
        return web.json_response(describe_alert(alert))

    async def decide(request: web.Request) -> web.Response:
        named, decision = request.match_info["request"], request.match_info["decision"]
        made = await payments.decide(named, decision, user_of(request.transport), await _reason(request))
        return web.json_response(made)

    async def remove_blob(request: web.Request) -> web.Response:
        blob = await operator.remove_blob(request.match_info["cid"])
        return web.json_response({"cid": write_cid(blob.hash), "size": blob.size})

    async def list_unswept(request: web.Request) -> web.Response:
        return web.json_response(await sweeps.unswept(await _chain_id(request)))

    async def sweep(request: web.Request) -> web.Response:
        return web.json_response(await sweeps.sweep(request.match_info["request"]))

    app.router.add_post(ACKNOWLEDGE, acknowledge)
    app.router.add_post(DECIDE, decide)
    app.router.add_post(UNSWEPT, list_unswept)
    app.router.add_post(SWEEP, sweep)
    app.router.add_post(REMOVE_BLOB, remove_blob)
    return app


async def _chain_id(request: web.Request) -> int | None:
    """Read which chain is meant: `{"chain_id": 1}`; None for all. Raises OperatorError."""
    chain_id = (await _content(request)).get("chain_id")
    if chain_id is not None and (not isinstance(chain_id, int) or isinstance(chain_id, bool)):
        raise OperatorError("a chain_id is a number")
    return chain_id


async def _content(request: web.Request) -> dict[str, object]:
    if not request.can_read_body:
        return {}
    try:
        content = await request.json()
    except ValueError as error:
        raise OperatorError("the body is not JSON") from error
    if not isinstance(content, dict):
        raise OperatorError("the body is not a JSON object")
    return content


async def _reason(request: web.Request) -> str:
    """Read why something is decided: `{"reason": "..."}`, which may be missing. Raises OperatorError."""
    reason = (await _content(request)).get("reason", "")
    if not isinstance(reason, str) or len(reason) > MOST_REASON:
        raise OperatorError(f"a reason is text of at most {MOST_REASON} characters")
    return reason


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _failure(error.status, error.reason)
    except MalformedInput as error:
        return _failure(400, str(error))
    except OperatorError as error:
        return _failure(_STATUSES.get(type(error), 409), str(error))
    except StoreError as error:
        log.error("a command could not be stored", extra={"path": request.path, "reason": str(error)})
        return _failure(503, f"could not be stored: {error}")
    except Exception:
        log.exception("a command failed", extra={"path": request.path})
        return _failure(500, "the relay failed; the reason is in its log")


def _failure(status: int, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)
