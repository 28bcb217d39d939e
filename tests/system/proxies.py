"""The reverse proxies of `contrib/`, with the settings that are given there, on loopback."""

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CONTRIB: Final = Path(__file__).parent.parent.parent / "contrib"
RELAY: Final = "127.0.0.1:4444"
"""Where the examples have the relay."""

PROGRAMS: Final = {
    name: shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
    for name in ("caddy", "nginx")
}
_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 20.0


def free_port() -> int:
    """Find a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def caddy_settings(port: int, relay: str) -> str:
    """Return the example for Caddy, without the certificate that it would ask for."""
    text = (CONTRIB / "caddy" / "Caddyfile").read_text()
    assert text.count("relay.example.org {") == text.count(RELAY) == 1
    options = "{\n\tadmin off\n\tauto_https off\n}\n"
    return options + text.replace("relay.example.org {", f"http://127.0.0.1:{port} {{").replace(RELAY, relay)


def nginx_settings(port: int, relay: str, directory: Path) -> str:
    """Return the example for nginx, in what Debian has around it, without the certificate."""
    text = (CONTRIB / "nginx" / "minirelay.conf").read_text()
    assert text.count("listen 443 ssl;") == text.count(RELAY) == 1
    site = re.sub(r"(?m)^ *(ssl_certificate|listen \[).*\n", "", text)
    site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace(RELAY, relay)
    places = "".join(
        f"{name}_temp_path {directory}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"pid {directory}/pid;\nerror_log {directory}/error.log;\n"
        "events { worker_connections 768; }\n"
        f"http {{\naccess_log off;\n{places}{site}\n}}\n"
    )


def _command(name: str, port: int, relay: str, directory: Path) -> list[str]:
    program = PROGRAMS[name]
    assert program is not None
    settings = directory / "settings"
    if name == "caddy":
        settings.write_text(caddy_settings(port, relay))
        return [program, "run", "--adapter", "caddyfile", "--config", str(settings)]
    settings.write_text(nginx_settings(port, relay, directory))
    return [program, "-c", str(settings), "-e", str(directory / "error.log"), "-g", "daemon off;"]


@contextmanager
def proxy(name: str, port: int, relay: str, directory: Path) -> Iterator[None]:
    """Run a proxy for a relay while the block runs. relay: host and port, where it listens or will."""
    run = _command(name, port, relay, directory)
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            run, stdout=log, stderr=log, cwd=directory, env={"HOME": str(directory), "PATH": "/usr/bin:/bin"}
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(_STOP_TIMEOUT_S)


async def until_it_listens(port: int) -> None:
    """Wait for a proxy to listen."""
    async with asyncio.timeout(_START_TIMEOUT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
