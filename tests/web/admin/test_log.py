"""The latest lines of the log over HTTP."""

import logging
from pathlib import Path

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from tests.system.serving import serving
from tests.web.admin.asking import operator_of


async def test_lines_are_found_by_level_and_words(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with serving(tmp_path, dev_chain, deployment), operator_of(tmp_path) as http:
        logging.getLogger("minirelay.tests").error("something odd", extra={"what": "</script>"})
        async with http.get("/v1/log?level=error&words=odd&limit=1") as answer:
            (line,) = (await answer.json())["lines"]
        assert (line["event"], line["level"], line["what"]) == ("something odd", "error", "</script>")
        for query in ("level=loud", "limit=-1"):
            async with http.get(f"/v1/log?{query}") as answer:
                assert answer.status == 400
