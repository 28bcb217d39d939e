"""`/metrics`: what docs/metrics.md says, no more and no less."""

import re
from pathlib import Path

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.metrics import Series
from minirelay.operations.collectors import chains, process, shops, storage, traffic
from minirelay.operations.exposition import CONTENT_TYPE
from tests.system.serving import serving

SERIES: list[Series] = [
    series for concern in (process, traffic, storage, shops, chains) for series in concern.SERIES
]
DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"\| `(\w+)` \| (\w+) \|(.*)\| (.+) \|")


def test_the_docs_have_all_series_and_no_others() -> None:
    documented = [match.groups() for line in DOCS.read_text().splitlines() if (match := ROW.fullmatch(line))]
    found = [(name, kind, re.findall(r"`(\w+)`", labels), text) for name, kind, labels, text in documented]
    assert found == [(one.shown_name, one.kind, list(one.labels), one.help) for one in SERIES]
    assert len(found) >= 30


async def test_a_relay_that_serves_has_all_of_them(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with (
        serving(tmp_path, dev_chain, deployment, admin_listen="127.0.0.1:0") as running,
        running.client(),
        ClientSession() as http,
        http.get(f"{running.server.login_links.url}/metrics") as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        families = {one.name: one for one in text_string_to_metric_families(await answer.text())}
    assert set(families) == {one.name for one in SERIES}
    samples = {name: one.samples for name, one in families.items()}
    assert samples["minirelay_shops"][0].value == 1
    assert {one.labels["chain"] for one in samples["minirelay_chain_lag_seconds"]} == {"31337"}
    assert {one.labels["role"]: one.value for one in samples["minirelay_sessions"]}["clerk"] == 1
    assert samples["minirelay_commit_rows"][0].value > 0
