"""Judging requests: what is decided of each, and that a bug in a rule takes no shop with it."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from minirelay.errors import MinirelayError, Refusal, bare
from minirelay.garbage import collection_paused
from minirelay.relay.messages import own_fault
from minirelay.relay.request import Request
from minirelay.relay.shop_head import Accepted, ShopHead
from minirelay.shop.work import Work, WorkExceeded

T = TypeVar("T")

log = logging.getLogger(__name__)


def prepare(requests: Sequence[Request]) -> None:
    """Do of several requests what needs no head, step by step."""
    for request in requests:
        try:
            request.decode()
        except Exception:  # noqa: BLE001 - `judge` meets it again, and then somebody is answered
            request.log_as(_log_bug)
    for request in requests:
        try:
            request.verify()
        except Exception:  # noqa: BLE001 - as above
            request.log_as(_log_bug)


def _log_bug() -> None:
    log.exception("a request could not be prepared because of a bug")


def judge_in_thread(request: Request, head: ShopHead) -> Accepted | MinirelayError:
    """Judge a request beside the event loop, whatever it costs; see `judge`."""
    with collection_paused():
        return judge(request, head, None)


def judge(request: Request, head: ShopHead, loop_work: Work | None) -> Accepted | MinirelayError:
    """Judge a request; give what it raises instead of raising it, which for a bug is a refusal.

    loop_work: see `Request.judge`; WorkExceeded is raised where it is exceeded.
    """
    try:
        return request.judge(head, loop_work)
    except MinirelayError as error:
        if isinstance(error, WorkExceeded) and loop_work is not None:
            raise
        return bare(error)
    except Exception:  # noqa: BLE001 - a bug in a rule must not take the shop with it, here and nowhere else
        request.log_as(lambda: log.exception("a request could not be judged because of a bug"))
        return own_fault()


def answer_of(question: Callable[[ShopHead], T], head: ShopHead) -> T | Refusal:
    """Ask a head something; give the Refusal that the question raises."""
    try:
        return question(head)
    except Refusal as refusal:
        return bare(refusal)
