"""The chain's process: `python -m minirelay.dev.chain.child '{...}'`, started by `DevChain` alone.

Standard input is its lifeline: the parent holds the other end and writes nothing, so that its end, of
whatever kind, is the end of this process too. The first line on standard output says the port, or what went
wrong.
"""

import asyncio
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn


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
    await web.TCPSite(runner, str(settings["host"]), int(str(settings["port"]))).start()
    _report(port=runner.addresses[0][1])
    await asyncio.Event().wait()
    raise RuntimeError("the end of this process is the end of its parent")


def _report(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
