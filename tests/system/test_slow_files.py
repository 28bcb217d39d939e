"""Many who upload and download slowly at once: memory stays bounded, and other sessions' writes go on."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from minirelay.bench.scenarios.uploads import ask_url, form_of, upload
from minirelay.bench.session import BenchError, LoadSession
from minirelay.bench.target import Target, own_relay
from minirelay.bench.workload import Author, fill, frames_of
from minirelay.blobs.cid import write_cid
from minirelay.blobs.unixfs import DagBuilder
from minirelay.protocol.envelope import GetBlobUploadURLRequest

pytestmark = pytest.mark.alone

MIB = 1024 * 1024
CLIENTS = 40
"""Of each kind."""
WRITES = 50
MOST_MEMORY = 64 * MIB
"""Less than a mebibyte for each: none may make the relay hold its file."""
MOST_WAIT_S = 5.0


def cid_of(content: bytes) -> str:
    builder = DagBuilder()
    for blocks in (builder.add(content), builder.finish()):
        for _ in blocks:
            pass
    return write_cid(builder.root.hash)


@contextmanager
def connected(target: Target) -> Iterator[socket.socket]:
    parts = urlsplit(target.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), MOST_WAIT_S) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        yield one


def begin_upload(target: Target, session: LoadSession, one: socket.socket, form: bytes) -> None:
    """Send the first part of a form, and no more; the relay takes only some at a time."""
    parts = urlsplit(session.ask(GetBlobUploadURLRequest()).decode())
    head = (
        f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(form)}\r\n"
        "Content-Type: multipart/form-data; boundary=a-part-of-a-form\r\n\r\n"
    )
    with suppress(ConnectionError):
        one.sendall(head.encode() + form[:MIB])


def upload_soon(target: Target, session: LoadSession, form: bytes) -> None:
    """Upload when the relay has seen that the others are gone."""
    until = time.monotonic() + MOST_WAIT_S
    while True:
        try:
            upload(target, ask_url(session), form)
        except BenchError:
            if time.monotonic() > until:
                raise
        else:
            return


def test_slow_uploads_and_downloads_hold_up_nobody() -> None:
    form = form_of(8 * MIB, 1)
    content = form[form.index(b"\r\n\r\n") + 4 : form.rindex(b"\r\n--")]
    with own_relay(None) as relay, ExitStack() as attackers:
        target = relay.start()
        assert target.meter is not None
        writer = attackers.enter_context(target.session(target.writer))
        clerk = attackers.enter_context(target.session(target.reader))
        author = Author(target.writer, target.shop_id)
        fill(writer, author, range(20))
        upload(target, ask_url(clerk), form)
        path = f"/ipfs/{cid_of(content)}"
        before = peak = target.meter.resident_bytes()
        longest_s = 0.0
        for number, frame in enumerate(frames_of(writer, author.price_changes(20, WRITES))):
            if number < CLIENTS:
                begin_upload(target, clerk, attackers.enter_context(connected(target)), form)
                reader = attackers.enter_context(connected(target))
                reader.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert reader.recv(12) == b"HTTP/1.1 200"
            begin = time.perf_counter()
            writer.write_all([frame], in_flight=1)
            longest_s = max(longest_s, time.perf_counter() - begin)
            peak = max(peak, target.meter.resident_bytes())
        print(f"{(peak - before) / MIB:.1f} MiB, {longest_s * 1000:.1f} ms")
        assert peak - before < MOST_MEMORY
        assert longest_s < MOST_WAIT_S
        attackers.pop_all().close()
        with target.session(target.writer) as session:
            upload_soon(target, session, form_of(MIB, 2))
