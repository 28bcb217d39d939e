import os
import subprocess
import sys
from pathlib import Path

import pytest

from minirelay.store.errors import StoreLocked, StoreUnreadable
from minirelay.store.lock import LOCK_FILE, DirectoryLock, whose

TAKE_AND_WAIT = """
import sys
from pathlib import Path
from minirelay.store.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", TAKE_AND_WAIT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(StoreLocked, match=rf"{tmp_path}.*process id {holder.pid}\)"):
            DirectoryLock(tmp_path)
        holder.kill()
    # The lock ended with its process; the file is still there.
    lock = DirectoryLock(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    lock.release()


def test_the_lock_holds_within_one_process_too_and_can_be_released(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(StoreLocked):
        DirectoryLock(tmp_path)
    lock.release()
    DirectoryLock(tmp_path).release()


def test_a_shorter_process_id_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("123456789012\n")
    DirectoryLock(tmp_path).release()
    assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreadable, match="nowhere"):
        DirectoryLock(tmp_path / "nowhere")


def test_the_lock_file_is_private(tmp_path: Path) -> None:
    DirectoryLock(tmp_path).release()
    assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o600


LOCK_WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from minirelay.store.errors import StoreUnreadable
from minirelay.store.lock import DirectoryLock
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    DirectoryLock(Path(sys.argv[1]))
except StoreUnreadable as error:
    print(error)
"""


def test_a_disk_without_room_is_said_to_be_the_reason(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOCK_WITHOUT_ROOM, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{tmp_path / LOCK_FILE}: File too large; the disk may be full or failing\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_who_can_not_use_a_directory_is_told_whose_it_is(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    assert "user who runs minirelay (uid 0)" in whose(tmp_path)
    assert whose(tmp_path).endswith(f"{tmp_path} belongs to uid 12345")


def test_of_a_directory_that_is_not_there_only_what_is_wanted_is_said(tmp_path: Path) -> None:
    assert whose(tmp_path / "missing").endswith(f"(uid {os.geteuid()})")
