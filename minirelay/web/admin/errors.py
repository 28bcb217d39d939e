"""Every failure of what the operator asked for is one line of JSON, never a traceback."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from minirelay.errors import MalformedInput, MinirelayError, StoreError
from minirelay.operations.live_status import TooManyStreams
from minirelay.operations.operator import NoSuchPayment, OperatorError, UnknownAlert, UnknownBlob
from minirelay.operations.prices import UnknownPrice
from minirelay.operations.shop_views import NoSuchShop
from minirelay.web.admin.page import is_for_people, missing_page

log = logging.getLogger(__name__)

_STATUSES: Final[dict[type[MinirelayError], int]] = {
    UnknownAlert: 404,
    NoSuchPayment: 404,
    UnknownBlob: 404,
    NoSuchShop: 404,
    UnknownPrice: 404,
    TooManyStreams: 503,
}


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        if error.status == 404 and is_for_people(request):
            return missing_page()
        return failure(error.status, error.reason)
    except MalformedInput as error:
        return failure(400, str(error))
    except OperatorError as error:
        return failure(_STATUSES.get(type(error), 409), str(error))
    except StoreError as error:
        log.error("a command could not be stored", extra={"path": request.path, "reason": str(error)})
        return failure(503, f"could not be stored: {error}")
    except Exception:
        log.exception("a command failed", extra={"path": request.path})
        return failure(500, "the relay failed; the reason is in its log")


def failure(status: int, words: str) -> web.Response:
    """Make the answer to what failed: `{"error": words}`."""
    return web.json_response({"error": words}, status=status)
