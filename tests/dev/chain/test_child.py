"""The child's own side; what it is for is tested in test_process.py."""

import json
import subprocess
import sys

SETTINGS = {"host": "127.0.0.1", "port": 0, "database": None, "block_time_s": None, "tells_events": False}
COMMAND = [sys.executable, "-m", "minirelay.dev.chain.child"]


def test_first_line_is_the_port_and_the_end_of_input_the_end() -> None:
    with subprocess.Popen(
        [*COMMAND, json.dumps(SETTINGS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert json.loads(child.stdout.readline())["port"] > 0
        child.stdin.close()
        assert child.wait(5) == 0
        assert child.stdout.read() == ""


def test_lifeline_is_held_from_the_start() -> None:
    # Nobody at the other end: it ends before it gets to serve.
    done = subprocess.run(
        [*COMMAND, json.dumps(SETTINGS)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['eth'] = None; from minirelay.dev.chain.child import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(SETTINGS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert "pip install 'minirelay[dev]'" in json.loads(child.stdout.readline())["error"]


def test_what_went_wrong_is_the_first_line() -> None:
    settings = SETTINGS | {"database": "/nowhere/chain"}
    with subprocess.Popen(
        [*COMMAND, json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        report = json.loads(child.stdout.readline())
        assert "unable to open database file" in report["error"]
        assert child.wait(5) == 1
        assert child.stderr.read() == ""
