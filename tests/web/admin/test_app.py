"""What the operator can ask is what docs/admin-api.md says, and nobody else can ask for any of it."""

import importlib
import pkgutil
import re
from pathlib import Path

from aiohttp import ClientSession

from minirelay.dev import admin as dev_admin
from minirelay.dev.chain.process import DevChain
from minirelay.dev.deployment import Deployment
from minirelay.web import admin
from tests.system.serving import serving
from tests.web.admin.asking import operator_of

DOCS = Path(__file__).parents[3] / "docs" / "admin-api.md"
NAMED = {"ID": "1", "ORDER": "1", "REQUEST": "0x12345", "CID": "Qm"}


PAGE = {"/", "/static/…", "/ipfs/CID"}
"""What the page consists of, and files that clients are given, too: tested with the page."""


def documented() -> set[tuple[str, str]]:
    """Collect methods and paths, what is named in them replaced by `{}`."""
    found = set()
    for method, path in re.findall(r"`(GET|POST) (/[^`?]*)", DOCS.read_text()):
        if path not in PAGE:
            found.add((method, path))
    return found


def shape(path: str) -> str:
    """Replace what is named in a path: in the docs in capitals, in the code in braces."""
    return re.sub(r"\{(?:[^{}]|\{[^{}]*\})*\}|\b(?:ID|ORDER|REQUEST|CID)\b", "{}", path)


def known() -> set[str]:
    """Collect the paths that the modules of the API name."""
    modules = [
        importlib.import_module(f"{room.__name__}.{one.name}")
        for room in (admin, dev_admin)
        for one in pkgutil.iter_modules(room.__path__)
    ]
    constants = [value for module in modules for value in vars(module).values() if isinstance(value, str)]
    return {shape(value) for value in constants if re.match(r"/(v1|login|metrics)\b", value)}


def test_the_docs_have_all_paths() -> None:
    decisions = {"/v1/payments/{}/accept": "/v1/payments/{}/{}"}
    described = {decisions.get(shape(path), shape(path)) for _, path in documented()}
    assert described | {"/login"} == known()


async def test_each_of_them_answers_the_operator_and_no_client(
    tmp_path: Path, dev_chain: DevChain, deployment: Deployment
) -> None:
    async with (
        serving(tmp_path, dev_chain, deployment) as running,
        operator_of(tmp_path) as operator,
        ClientSession(running.url) as client,
    ):
        for method, path in documented():
            asked = re.sub(r"\b(ID|ORDER|REQUEST|CID)\b", lambda match: NAMED[match[0]], path)
            async with client.request(method, asked) as answer:
                assert answer.status == 404, asked
            if path in ("/v1/session", "/v1/logout"):
                continue  # there is nobody to log out on the socket
            async with operator.request(method, asked) as answer:
                if path.startswith("/v1/dev"):
                    assert (answer.status, await answer.json()) == (404, {"error": "Not Found"}), asked
                    continue
                assert answer.status != 405, asked
                if answer.status == 404:
                    assert (await answer.json())["error"] != "Not Found", asked
