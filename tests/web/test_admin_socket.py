"""The operator's socket: whose it is, and that it is there exactly while it is served."""

import os
import pwd
import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, web

from minirelay.errors import ConfigError
from minirelay.web.admin_socket import SOCKET_NAME, UNKNOWN_USER, listen_to_operator, socket_path, user_of

LONGEST_PATH = 107


def greeting() -> web.Application:
    async def greet(_request: web.Request) -> web.Response:
        return web.Response(text="good day")

    app = web.Application()
    app.router.add_get("/", greet)
    return app


async def greeted(directory: Path) -> str:
    with socket_path(directory) as path:
        async with ClientSession(connector=UnixConnector(path)) as http, http.get("http://relay/") as answer:
            return await answer.text()


async def test_it_is_served_to_its_user_alone_and_gone_afterwards(tmp_path: Path) -> None:
    async with listen_to_operator(greeting(), tmp_path):
        assert await greeted(tmp_path) == "good day"
        made = (tmp_path / SOCKET_NAME).stat()
        assert stat.S_ISSOCK(made.st_mode)
        assert stat.S_IMODE(made.st_mode) == 0o600
    assert os.listdir(tmp_path) == []


async def test_nobody_can_connect_before_it_has_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_mode, refusals = os.chmod, []

    def try_to_connect(path: str, mode: int) -> None:
        with (
            closing(socket.socket(socket.AF_UNIX)) as client,
            pytest.raises(ConnectionRefusedError) as refused,
        ):
            client.connect(path)
        refusals.append(refused.value)
        change_mode(path, mode)

    monkeypatch.setattr(os, "chmod", try_to_connect)
    async with listen_to_operator(greeting(), tmp_path):
        assert len(refusals) == 1


async def test_one_that_was_left_behind_is_made_anew(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as left, socket_path(tmp_path) as path:
        left.bind(path)
    async with listen_to_operator(greeting(), tmp_path):
        assert await greeted(tmp_path) == "good day"


async def test_the_path_may_be_long(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 200) / ("e" * 200)
    directory.mkdir(parents=True)
    assert len(str(directory)) > LONGEST_PATH
    async with listen_to_operator(greeting(), directory):
        assert await greeted(directory) == "good day"


async def test_another_file_of_that_name_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / SOCKET_NAME
    file.write_text("mine")
    with pytest.raises(ConfigError, match=r"admin\.sock: there is something else with that name"):
        async with listen_to_operator(greeting(), tmp_path):
            pass
    assert file.read_text() == "mine"


async def test_one_of_another_relay_is_not_taken_away(tmp_path: Path) -> None:
    async with listen_to_operator(greeting(), tmp_path):
        (tmp_path / SOCKET_NAME).unlink()
        (tmp_path / SOCKET_NAME).write_text("another's")
    assert (tmp_path / SOCKET_NAME).read_text() == "another's"


async def test_who_asks_is_known_from_the_system(tmp_path: Path) -> None:
    async def name(request: web.Request) -> web.Response:
        return web.Response(text=user_of(request.transport))

    app = web.Application()
    app.router.add_get("/", name)
    async with listen_to_operator(app, tmp_path):
        assert await greeted(tmp_path) == pwd.getpwuid(os.getuid()).pw_name
    assert user_of(None) == UNKNOWN_USER
