"""The files of the developer's window: what they say to browsers, and that there is no other one."""

import re
from pathlib import Path

import pytest

from minirelay.dev.admin.pages import POLICY, STATIC
from minirelay.dev.chain.process import DevChain
from minirelay.dev.development import run_development
from tests.dev.test_development import options
from tests.web.admin.asking import operator_of

SOURCES = sorted(STATIC.glob("*.js"))


async def test_each_file_is_given_with_its_type_and_a_strict_policy(
    dev_chain: DevChain, tmp_path: Path
) -> None:
    types = {".js": "text/javascript", ".css": "text/css"}
    async with run_development(options(dev_chain, data=tmp_path)), operator_of(tmp_path) as http:
        wanted = {"/dev": "text/html"} | {
            f"/dev/{one.name}": types[one.suffix] for one in STATIC.iterdir() if one.suffix in types
        }
        for path, kind in wanted.items():
            async with http.get(path) as answer:
                assert (answer.status, answer.content_type) == (200, kind)
                assert answer.headers["Content-Security-Policy"] == POLICY
        for path in ("/dev/dev.html", "/dev/../api.py", "/dev/%2e%2e/api.py", "/dev/"):
            async with http.get(path) as answer:
                assert answer.status == 404, path


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: one.name)
def test_scripts_make_no_markup_of_texts(source: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?://", source.read_text()
    )
