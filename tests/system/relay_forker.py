"""A process that has imported all of `minirelay serve` and forks one whenever it is told to.

Most of the second that a relay takes to start goes into imports. Each line of standard input is the arguments
of a command, as JSON. On standard error come `forked <process id>`, what the relay logs, and `ended <code>`
(`os.waitstatus_to_exitcode`). One relay runs at a time; at the end of its input the forker ends.
"""

import importlib
import json
import os
import sys
from importlib.util import find_spec

SERVING = ("minirelay.cli.serve", "minirelay.cli.running", "minirelay.server", "minirelay.web.listener")
FORKED, ENDED = "forked", "ended"


def tell(word: str, number: int) -> None:
    """Write a line of the protocol; in one piece, since a relay writes to the same pipe."""
    os.write(2, f"{word} {number}\n".encode())


def be_a_relay(arguments: list[str]) -> None:
    """Run a command; never returns."""
    from minirelay.cli.main import run

    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        code = run(arguments)
    finally:
        # Whatever it was, it must not go on as a second forker.
        sys.stderr.flush()
        os._exit(code)


def fork_as_told() -> None:
    """Fork until there is nothing more to read."""
    for module in (*SERVING, *(["uvloop"] if find_spec("uvloop") else [])):
        importlib.import_module(module)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            be_a_relay(json.loads(line))
        tell(FORKED, process)
        _, status = os.waitpid(process, 0)
        tell(ENDED, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    fork_as_told()
