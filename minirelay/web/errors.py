"""Every failure becomes an answer here: one table of statuses, JSON bodies, never a traceback."""

import logging
import secrets
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from minirelay.errors import ChainError, MinirelayError, StorageFull, StoreError
from minirelay.logs import bound
from minirelay.relay.enrolment import (
    BadEnrolment,
    CardAlreadyEnrolled,
    EnrolmentRefused,
    FirstCardIsGuest,
    GuestCeilingReached,
    NotPermitted,
    ShopNotAdmitted,
)
from minirelay.web.cors import ALWAYS, answer_preflight
from minirelay.web.limits import NoRoom, TooManyRequests, retry_after
from minirelay.web.routes import ROUTES

log = logging.getLogger(__name__)

_STATUSES: Final[dict[type[MinirelayError], int]] = {
    BadEnrolment: 400,
    NotPermitted: 403,
    ShopNotAdmitted: 403,
    GuestCeilingReached: 403,
    CardAlreadyEnrolled: 409,
    FirstCardIsGuest: 409,
    TooManyRequests: 429,
    NoRoom: 503,
    StorageFull: 503,
}
"""What a client may be told in the error's own words."""

CHAIN_SILENT: Final = "the shop registry can't be asked at the moment, try again later"
STORE_SILENT: Final = "could not be stored, try again"
NO_UPGRADE: Final = (
    "this address speaks WebSocket only, and the request did not ask for it. If the client did, a reverse "
    "proxy in front of this relay drops the headers Upgrade and Connection: it must pass them on, in HTTP/1.1"
)
OWN_FAULT: Final = "the relay failed; its operator finds the reason in the log"


class UpgradeRequired(MinirelayError):
    """A request for a session is not a WebSocket's."""


@web.middleware
async def answer_everything(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer; preflights are answered for all endpoints alike."""
    if request.method == "OPTIONS":
        return answer_preflight()
    with bound(request=secrets.token_hex(4)):
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return failure(request, error.status, error.reason, allow=error.headers.get("Allow"))
        except UpgradeRequired:
            return _ask_for_upgrade(request)
        except MinirelayError as error:
            return _answer(request, error)
        except Exception:
            # The last line of defence: logged whole, told to nobody.
            log.exception("a request failed", extra={"method": request.method, "path": request.path})
            return failure(request, 500, OWN_FAULT)


def _answer(request: web.Request, error: MinirelayError) -> web.Response:
    status = _STATUSES.get(type(error))
    if status is not None:
        if isinstance(error, EnrolmentRefused):
            log.info("an enrolment was refused", extra={"status": status, "reason": str(error)})
        response = failure(request, status, str(error))
        if isinstance(error, TooManyRequests | NoRoom):
            response.headers["Retry-After"] = retry_after(error.retry_after_s)
        return response
    extra = {"path": request.path, "reason": str(error)}
    if isinstance(error, ChainError):
        log.warning("a request needed a chain that can't be asked", extra=extra)
        return failure(request, 502, CHAIN_SILENT)
    if isinstance(error, StoreError):
        log.error("a request could not be stored", extra=extra)
        return failure(request, 503, STORE_SILENT)
    log.error("a request failed", extra=extra, exc_info=error)
    return failure(request, 500, OWN_FAULT)


def _ask_for_upgrade(request: web.Request) -> web.Response:
    response = failure(request, 426, NO_UPGRADE)
    response.headers.update({"Upgrade": "websocket", "Connection": "Upgrade"})
    return response


def failure(request: web.Request, status: int, message: str, *, allow: str | None = None) -> web.Response:
    """Make the answer to a request that failed: JSON with `error`, and `handler` where clients know one.

    allow: the methods that the endpoint has, for a 405.
    """
    response = failure_at(request.path, status, message)
    if allow:
        response.headers["Allow"] = allow
    return response


def failure_at(path: str, status: int, message: str) -> web.Response:
    """Make the answer to what failed at a path, also where no handler has seen the request."""
    content = {"error": message}
    route = ROUTES.get(path)
    if route is not None and route.handler_name is not None:
        content = {"handler": route.handler_name, **content}
    return web.json_response(content, status=status, headers=ALWAYS)
