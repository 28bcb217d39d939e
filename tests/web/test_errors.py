"""Failures as answers: JSON, the right status, nothing of the inside."""

import logging

import pytest

from minirelay.errors import MinirelayError
from tests.web.edge import Backend, broken, serving


async def test_unknown_paths() -> None:
    async with serving() as client, client.get("/nothing/here") as response:
        assert response.status == 404
        assert await response.json() == {"error": "Not Found"}


async def test_other_methods_learn_which_there_are() -> None:
    async with serving() as client, client.delete("/health") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET,HEAD"
        assert await response.json() == {"error": "Method Not Allowed"}


@pytest.mark.parametrize(
    "error", [RuntimeError("the inside"), MinirelayError("the inside"), AssertionError()]
)
async def test_bugs_are_logged_whole_and_told_to_nobody(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with serving(Backend(probe=broken(error))) as client, client.get("/health") as response:
        assert response.status == 500
        assert response.content_type == "application/json"
        text = await response.text()
    assert "inside" not in text
    assert "Traceback" not in text
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_no_answer_says_what_the_relay_is_made_of() -> None:
    async with serving() as client:
        for path in ("/", "/health", "/nothing", "/v4/sessions"):
            async with client.get(path) as response:
                assert response.headers["Server"] == "minirelay"
                assert "X-Powered-By" not in response.headers
