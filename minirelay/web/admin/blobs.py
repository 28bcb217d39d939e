"""The files of shops: shown on the operator's page, which asks its own listener only, and removed."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from minirelay.blobs.cid import write_cid
from minirelay.blobs.library import BlobLibrary
from minirelay.operations.operator import Operator
from minirelay.web.blobs import BlobEndpoint

FILE: Final = "/ipfs/{cid}"
REMOVE_BLOB: Final = "/v1/blobs/{cid:[0-9A-Za-z]{1,100}}/remove"


class BlobsApi:
    """Gives files as the listener for clients does; removes them."""

    def __init__(self, operator: Operator, library: BlobLibrary) -> None:
        self._operator = operator
        self._endpoint = BlobEndpoint(library)

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(FILE, self._endpoint.get), web.post(REMOVE_BLOB, self._remove)]

    async def _remove(self, request: web.Request) -> web.Response:
        blob = await self._operator.remove_blob(request.match_info["cid"])
        return web.json_response({"cid": write_cid(blob.hash), "size": blob.size})
