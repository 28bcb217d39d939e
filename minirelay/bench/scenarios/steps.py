"""Where the time of one write and of one push goes, step by step, against what can't be avoided."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from minirelay.bench.bench import Bench
from minirelay.bench.fixtures import TERMS, Fixtures, patch_sets_of, prepare
from minirelay.bench.meters import US_PER_S, time_each
from minirelay.bench.report import Figure, Section
from minirelay.bench.scenarios.writes import measure
from minirelay.bench.workload import Author, fill
from minirelay.protocol import envelope as wire
from minirelay.protocol.mmr import proofs, root
from minirelay.protocol.patch_set import VerifiedPatchSet, decode_patch_set, open_patch_set, verify
from minirelay.protocol.push import encode_push, encode_set
from minirelay.protocol.signing import recover
from minirelay.relay.fan_out import pack_for
from minirelay.shop.access import Role
from minirelay.shop.checkout import Checkout
from minirelay.shop.ownership import Author as PatchAuthor
from minirelay.shop.patch_application import apply_patch_set
from minirelay.shop.state import Change, ShopState
from minirelay.shop.visibility import view_of
from minirelay.store.batch import rows_of

LISTINGS: Final = 100
INPUTS: Final = 256
BATCH: Final = 64
LONE_COMMITS: Final = 40
ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One step, in µs. is_part: of the step before it. is_needed: no relay can do without it."""

    name: str
    us: float
    is_part: bool = False
    is_needed: bool = False

    def figure(self) -> Figure:
        """Return the figure for the report."""
        indent = "  " if self.is_part else ""
        return Figure(f"{indent}{self.name}{' *' if self.is_needed else ''}", self.us, "µs")


@dataclass(frozen=True, slots=True)
class Steps:
    """All steps, by where they are taken."""

    on_loop: Sequence[Step]
    in_thread: Sequence[Step]
    pushing: Sequence[Step]


def run(bench: Bench) -> Section:
    """Time each step in this process, then whole writes from outside."""
    bench.tell("steps: each by itself")
    with tempfile.TemporaryDirectory(prefix="minirelay-bench-", dir=bench.directory) as directory:
        steps = asyncio.run(_time_steps(Path(directory), bench.plan.step_seconds))
    bench.tell("steps: whole writes")
    whole = _time_whole(bench)
    figures = [step.figure() for step in steps.on_loop]
    if whole is not None:
        accounted = sum(step.us for step in steps.on_loop if not step.is_part)
        rest = whole[0] - accounted
        figures.append(Figure("sockets, sessions, head; steps not run alone: the rest", rest, "µs"))
        figures.append(Figure("= a write on the event loop", whole[0], "µs CPU"))
    figures += [step.figure() for step in steps.in_thread]
    if whole is not None:
        figures.append(Figure("= a write, all threads", whole[1], "µs CPU"))
    figures += [step.figure() for step in steps.pushing]
    notes = (
        f"One patch that changes the price of one of {LISTINGS} listings. Indented: part of the step above.",
        "*: no relay can do without it. Whole writes are measured from outside, with 64 in flight.",
    )
    return Section("steps", "Where the time of a write and of a push goes", tuple(figures), notes)


def _time_whole(bench: Bench) -> tuple[float, float] | None:
    """Measure a write: µs on the event loop, and of all threads; None where that can't be known."""
    with bench.target() as target, target.session(target.writer) as session:
        author = Author(target.writer, target.shop_id)
        fill(session, author, range(LISTINGS))
        rounds = [measure(target, session, author, LISTINGS, bench.plan) for _ in range(ROUNDS)]
    used = [(one.relay, one.writes) for one in rounds if one.relay]
    if not used:
        return None
    return (
        median([usage.loop_cpu_s / count for usage, count in used]) * US_PER_S,
        median([usage.cpu_s / count for usage, count in used]) * US_PER_S,
    )


async def _time_steps(directory: Path, seconds: float) -> Steps:
    async with prepare(directory, LISTINGS) as fixtures:
        return Steps(
            on_loop=[*_decoding(fixtures, seconds), *_judging(fixtures, seconds), *_answering(seconds)],
            in_thread=await _committing(fixtures, seconds),
            pushing=_pushing(fixtures, seconds),
        )


def _decoding(fixtures: Fixtures, seconds: float) -> list[Step]:
    patch_sets = patch_sets_of(fixtures.price_changes(INPUTS))
    frames = [wire.encode_envelope(7, wire.PatchSetWriteRequest(one)) for one in patch_sets]
    decoded = [decode_patch_set(one) for one in patch_sets]
    leaves = [[patch.raw for patch in one.patches] for one in decoded]
    signed = [(one.header.raw, one.signature) for one in decoded]
    return [
        Step("envelope decoded", time_each(wire.decode_envelope, frames, seconds)),
        Step("patch set decoded", time_each(decode_patch_set, patch_sets, seconds)),
        Step("root and signature verified", time_each(verify, decoded, seconds)),
        Step("signer recovered", time_each(lambda one: recover(*one), signed, seconds), True, True),
        Step("root of the patches", time_each(root, leaves, seconds), True, True),
        Step("proofs", time_each(proofs, leaves, seconds), True),
    ]


def _judging(fixtures: Fixtures, seconds: float) -> list[Step]:
    head = fixtures.head
    requests = fixtures.price_changes(INPUTS)
    verified = [open_patch_set(one) for one in patch_sets_of(requests)]
    author = PatchAuthor(Role.CLERK, fixtures.card.row_id)
    state, owners = head.state, head.owners
    facts, limits = TERMS.facts.facts(int(time.time())), TERMS.limits.checkout

    def apply(one: VerifiedPatchSet) -> bytes:
        policy = Checkout(head.records, author, owners, facts, limits)
        made = apply_patch_set(state, owners, author, one, policy=policy).state
        policy.outcome(state, made)
        return made.root_hash

    changes = [apply_patch_set(state, owners, author, one).changes for one in verified]
    changing = time_each(state.with_changes, changes, seconds)
    hashing = time_each(lambda one: _hash(state, one), changes, seconds)
    return [
        Step("patch applied, state and its root made", time_each(apply, verified, seconds)),
        Step("new state", changing, True),
        Step("root hash of the shop", hashing - changing, True, True),
        Step("pushed form encoded", time_each(lambda one: encode_set(head.seq + 1, one), verified, seconds)),
    ]


def _hash(state: ShopState, changes: Sequence[Change]) -> bytes:
    return state.with_changes(changes).root_hash


def _answering(seconds: float) -> list[Step]:
    payloads = [number.to_bytes(32) for number in range(INPUTS)]
    return [
        Step("answer encoded", time_each(lambda one: wire.encode_response_payload(7, one), payloads, seconds))
    ]


async def _committing(fixtures: Fixtures, seconds: float) -> list[Step]:
    writer = fixtures.store.writer
    lone = []
    for request in fixtures.price_changes(LONE_COMMITS):
        commit = fixtures.enter(request)
        begin = time.perf_counter()
        await writer.commit(commit)
        lone.append(time.perf_counter() - begin)
    batches = []
    for _ in range(ROUNDS * 2):
        commits = [fixtures.enter(request) for request in fixtures.price_changes(BATCH)]
        rows_us = time_each(lambda one: rows_of(one).statements(), [commits], seconds / 4) / BATCH
        begin = time.perf_counter()
        await asyncio.gather(*map(writer.commit, commits))
        batches.append((time.perf_counter() - begin) / BATCH)
    return [
        Step(f"one commit for {BATCH} writes, for each of them", median(batches) * US_PER_S, is_needed=True),
        Step("rows put together", rows_us, True),
        Step("one commit for a lone write", median(lone) * US_PER_S, is_needed=True),
    ]


def _pushing(fixtures: Fixtures, seconds: float) -> list[Step]:
    stored = [fixtures.enter(request).sets for request in fixtures.price_changes(INPUTS)]
    everything = view_of(Role.CLERK)
    return [
        Step(
            "push: set packed for a view",
            time_each(lambda one: list(pack_for(everything, one)), stored, seconds),
        ),
        Step(
            "push: envelope put together",
            time_each(lambda one: encode_push(-7, b"\0\1", [one[0].wire]), stored, seconds),
        ),
    ]
