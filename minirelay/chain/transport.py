"""What a chain asks its questions of: an endpoint over HTTP, or whatever answers like one."""

from collections.abc import Sequence
from typing import Protocol

from minirelay.protocol.json_rpc import Answer, Request


class Transport(Protocol):
    """Carries questions to one node and its answers back. It bounds their size and how long they take."""

    @property
    def name(self) -> str:
        """Return what may be shown of it."""

    async def ask(self, request: Request) -> Answer:
        """Ask one question. Raises EndpointFailure."""

    async def ask_many(self, requests: Sequence[Request]) -> Sequence[Answer | None]:
        """Ask up to MAX_BATCH questions in one exchange. Gives the answers in their order.

        None for what is left unanswered. Raises EndpointFailure.
        """
