"""The chain's process: `python -m minirelay.dev.chain.child '{...}'`, started by `DevChain` alone.

Standard input is its lifeline: the parent holds the other end and writes nothing, so that its end, of
whatever kind, is the end of this process too. The first line on standard output says the port, or what went
wrong.
"""

import asyncio
import contextlib
import json
import logging
import os
import select
import sys
import threading
from pathlib import Path
from typing import NoReturn

from minirelay.logs import fields_of


class AddressTaken(Exception):
    """The address can't be listened on."""


def _end_with_parent() -> None:
    # A thread, and an exit without ceremony: no call in the EVM, however long, may outlive the parent.
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> NoReturn:
    """Serve until the parent ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.WARNING, format="chain: %(levelname)s %(message)s")
    try:
        asyncio.run(_serve(settings))
    except AddressTaken as error:
        _report(error=f"{error}; choose another --chain-port (0: any), or --host")
    except ModuleNotFoundError as error:
        _report(error=f"{error}: it needs pip install 'minirelay[dev]'")
    except Exception as error:
        logging.debug("the chain can't start", exc_info=True)
        _report(error=f"{error}")
    sys.exit(1)


async def _serve(settings: dict[str, object]) -> NoReturn:
    # Here, so that the lifeline is held before the second that these imports take.
    from aiohttp import web

    from minirelay.dev.chain.ledger import Ledger
    from minirelay.dev.chain.node import Node
    from minirelay.dev.chain.server import create_app

    database, block_time_s = settings["database"], settings["block_time_s"]
    ledger = Ledger(None if database is None else Path(str(database)))
    node = Node(ledger, mines_at_once=block_time_s is None)
    app = create_app(node, None if block_time_s is None else float(str(block_time_s)))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, port = str(settings["host"]), int(str(settings["port"]))
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise AddressTaken(f"can't listen on {host} port {port}: {reason}") from error
    _report(port=runner.addresses[0][1])
    if settings["tells_events"]:
        _tell_events()
    await asyncio.Event().wait()
    raise RuntimeError("the end of this process is the end of its parent")


def _report(**what: object) -> None:
    print(json.dumps(what), flush=True)


class _ToParent(logging.Handler):
    """Tells the parent what happens, a JSON object per line; what it does not read in time is left out."""

    def emit(self, record: logging.LogRecord) -> None:
        line = json.dumps({"event": record.getMessage(), "fields": fields_of(record)}, default=str)
        with contextlib.suppress(BlockingIOError):
            # A line fits into a pipe whole or not at all, up to PIPE_BUF.
            os.write(sys.stdout.fileno(), line.encode()[: select.PIPE_BUF - 1] + b"\n")


def _tell_events() -> None:
    os.set_blocking(sys.stdout.fileno(), False)
    events = logging.getLogger("minirelay.dev.chain.node")
    events.setLevel(logging.INFO)
    events.propagate = False
    events.addHandler(_ToParent())


if __name__ == "__main__":
    main()
