"""Asking a running relay: whatever is wrong is one line that says what to do."""

import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import click
import pytest

from minirelay.cli.operating import ask_relay
from minirelay.web.admin_socket import SOCKET_NAME


def refusal(directory: Path) -> str:
    with pytest.raises(click.ClickException) as caught:
        ask_relay(directory, "/v1/alerts/1/acknowledge")
    return caught.value.format_message()


def test_no_directory_is_no_relay(tmp_path: Path) -> None:
    assert f"{tmp_path / 'none'}: no relay runs there" in refusal(tmp_path / "none")


def test_no_socket_is_no_relay(tmp_path: Path) -> None:
    assert f"{tmp_path}: no relay runs there" in refusal(tmp_path)


def test_a_socket_that_was_left_behind_is_no_relay(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(tmp_path / SOCKET_NAME))
    assert "no relay runs there" in refusal(tmp_path)


def test_what_hangs_up_without_an_answer_is_told_of(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(str(tmp_path / SOCKET_NAME))
        bound.listen()

        def hang_up() -> None:
            bound.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        words = refusal(tmp_path)
        thread.join()
    assert "the relay did not answer" in words


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_another_user_may_not(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(str(tmp_path / SOCKET_NAME))
        bound.listen()
        (tmp_path / SOCKET_NAME).chmod(0)
        assert "permission denied; run this as the user who runs the relay" in refusal(tmp_path)


def test_permission_denied_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)
    assert refusal(tmp_path) == f"{tmp_path}: permission denied; run this as the user who runs the relay"
