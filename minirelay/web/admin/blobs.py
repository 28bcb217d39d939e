"""The files of shops, which the operator may remove."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.blobs.cid import write_cid
from minirelay.operations.operator import Operator

REMOVE_BLOB: Final = "/v1/blobs/{cid:[0-9A-Za-z]{1,100}}/remove"


class BlobsApi:
    """Removes files."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.post(REMOVE_BLOB, self._remove)]

    async def _remove(self, request: web.Request) -> web.Response:
        blob = await self._operator.remove_blob(request.match_info["cid"])
        return web.json_response({"cid": write_cid(blob.hash), "size": blob.size})
