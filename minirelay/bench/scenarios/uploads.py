"""Writes, and the memory of the relay, while another session uploads large files."""

import http.client
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.meters import ProcessMeter
from minirelay.bench.report import Figure, Section, percentile
from minirelay.bench.session import TIMEOUT_S, BenchError, LoadSession
from minirelay.bench.target import Target, own_relay
from minirelay.bench.workload import Author, fill, frames_of
from minirelay.protocol.envelope import GetBlobUploadURLRequest

LISTINGS: Final = 100
WARMING_BYTES: Final = 1024 * 1024
PAUSE_S: Final = 0.001
AT_ONCE: Final = 16
"""As many as a relay takes."""

_CROWD_SEED: Final = 1000

_BOUNDARY: Final = b"a-part-of-a-form"
_HEAD: Final = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' % _BOUNDARY
_TAIL: Final = b"\r\n--%b--\r\n" % _BOUNDARY
_CREATED: Final = 201
_MIB: Final = 1024 * 1024
_MS_PER_S: Final = 1000


@dataclass
class _Observed:
    """What writes saw. acks: milliseconds until each answer. peak_bytes: the most that the relay took."""

    acks: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    seconds: list[float] = field(default_factory=list)


def run(bench: Bench) -> Section:
    """Upload files one after the other, and go on writing meanwhile."""
    if bench.running is not None:
        raise BenchError("uploads: only measured on relays that the benchmark starts itself")
    count, size = bench.plan.uploads, bench.plan.upload_bytes
    bench.tell(f"uploads: {count:,} of {size / _MIB:g} MiB, writes go on")
    with own_relay(bench.directory) as relay:
        target = relay.start()
        if target.meter is None:
            raise BenchError("uploads: this system does not say how much memory a process takes")
        with (
            target.session(target.writer) as writer,
            target.session(target.reader) as uploader,
            ThreadPoolExecutor(1) as thread,
        ):
            author = Author(target.writer, target.shop_id)
            fill(writer, author, range(LISTINGS))
            # What is loaded once, and what writes alone take, is not the upload's.
            upload(target, ask_url(uploader), form_of(WARMING_BYTES, 0))
            quiet = _Observed()
            for _ in _writes(writer, author, bench.plan.lone_writes, target.meter, quiet):
                pass
            beside = _Observed()
            before = target.meter.resident_bytes()
            for number in range(1, count + 1):
                form = form_of(size, number)
                begin = time.perf_counter()
                uploading = thread.submit(upload, target, ask_url(uploader), form)
                _write_until([uploading], writer, author, target.meter, beside)
                beside.seconds.append(time.perf_counter() - begin)
            crowd = _Observed()
            _upload_at_once(
                target,
                uploader,
                size // AT_ONCE,
                partial(_write_until, writer=writer, author=author, meter=target.meter, observed=crowd),
            )
    grown = (beside.peak_bytes - before) / _MIB
    figures = (
        Figure("write to answer, the longest, while nobody uploads", max(quiet.acks), "ms"),
        Figure("  while one uploads, p50", percentile(beside.acks, 0.5), "ms"),
        Figure("  while one uploads, p99", percentile(beside.acks, 0.99), "ms"),
        Figure("  the longest", max(beside.acks), "ms", goals.MAX_BESIDE_UPLOADS_MS),
        Figure(
            f"  the longest, while {AT_ONCE} upload at once",
            max(crowd.acks),
            "ms",
            goals.MAX_BESIDE_MANY_UPLOADS_MS,
        ),
        Figure("memory that it takes more meanwhile", grown, "MiB", goals.UPLOAD_MIB),
        Figure("an upload", size / _MIB / (sum(beside.seconds) / count), "MiB/s"),
    )
    return Section("uploads", f"Writes beside an upload of {size / _MIB:g} MiB", figures)


def form_of(size_bytes: int, seed: int) -> bytes:
    """Make the body of an upload; another seed gives another file of that size."""
    return _HEAD + random.Random(seed).randbytes(size_bytes) + _TAIL  # noqa: S311 - content, no secret


def ask_url(session: LoadSession) -> str:
    """Ask for a URL to upload to, as a clerk."""
    return session.ask(GetBlobUploadURLRequest()).decode()


def upload(target: Target, url: str, form: bytes) -> None:
    """Upload a file to a URL that a clerk was given. Raises BenchError."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=TIMEOUT_S)
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY.decode()}"}
    try:
        connection.request("POST", f"{parts.path}?{parts.query}", form, headers)
        answer = connection.getresponse()
        words = answer.read()
    except OSError as error:
        raise BenchError(f"the upload was broken off: {error}") from error
    finally:
        connection.close()
    if answer.status != _CREATED:
        raise BenchError(f"the upload was refused: {words[:200]!r}")


def _writes(
    writer: LoadSession, author: Author, count: int, meter: ProcessMeter, observed: _Observed
) -> Iterator[None]:
    for frame in frames_of(writer, author.price_changes(LISTINGS, count)):
        begin = time.perf_counter()
        writer.write_all([frame], in_flight=1)
        observed.acks.append((time.perf_counter() - begin) * _MS_PER_S)
        observed.peak_bytes = max(observed.peak_bytes, meter.resident_bytes())
        time.sleep(PAUSE_S)
        yield


def _upload_at_once(
    target: Target,
    session: LoadSession,
    size_bytes: int,
    write_until: Callable[[Sequence[Future[None]]], None],
) -> None:
    """Upload as many files as the relay takes at a time; write meanwhile."""
    forms = [form_of(size_bytes, _CROWD_SEED + number) for number in range(AT_ONCE)]
    urls = [ask_url(session) for _ in forms]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        write_until([threads.submit(upload, target, *one) for one in zip(urls, forms, strict=True)])


def _write_until(
    uploading: "Sequence[Future[None]]",
    writer: LoadSession,
    author: Author,
    meter: ProcessMeter,
    observed: _Observed,
) -> None:
    """Write one set at a time until uploads have ended; raise what they raised."""
    while not all(one.done() for one in uploading):
        for _ in _writes(writer, author, 1, meter, observed):
            pass
    for one in uploading:
        one.result()
