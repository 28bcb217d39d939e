"""The operator's API: JSON over HTTP, for whoever was let in (spec 09 "The operator's listener")."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from minirelay.errors import MinirelayError, StoreError
from minirelay.operations.alert_document import describe_alert
from minirelay.operations.operator import Operator, OperatorError, UnknownAlert

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 64 * 1024
ACKNOWLEDGE: Final = "/v1/alerts/{id:[0-9]{1,19}}/acknowledge"

_STATUSES: Final[dict[type[MinirelayError], int]] = {UnknownAlert: 404}


def create_admin_app(operator: Operator) -> web.Application:
    """Make the application that answers the operator. It lets everybody in: what it listens on does not."""
    app = web.Application(middlewares=[_answer_errors], client_max_size=MAX_BODY_BYTES)

    async def acknowledge(request: web.Request) -> web.Response:
        alert = await operator.acknowledge(int(request.match_info["id"]))
        return web.json_response(describe_alert(alert))

    app.router.add_post(ACKNOWLEDGE, acknowledge)
    return app


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _failure(error.status, error.reason)
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
