"""What the running relay says of itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from minirelay.operations.checks.result import Line, Result, fail, ok, warn

_SHOWN = 3
LATELY_S = 86_400


def judge_running(now: Mapping[str, Any] | None) -> Result:
    """Say whether a relay runs and is ready. now: what it answers to `/v1/now`; None if none runs."""
    if now is None:
        return warn(Line.RELAY, "none runs on this data directory", "start it: minirelay serve")
    problems = [str(one) for one in now.get("problems", ())]
    if problems:
        return fail(Line.RELAY, f"it runs, but {'; '.join(problems)}", "see the other lines, and its log")
    return ok(Line.RELAY, f"version {now.get('version')} runs, and is ready")


def judge_unswept(unswept: Sequence[Mapping[str, Any]]) -> Result:
    """Say whether money lies at payment addresses. unswept: what the relay answers."""
    if not unswept:
        return ok(Line.UNSWEPT, "no money lies at payment addresses")
    sums = [f"{one['amount_shown']} {one['currency']} on chain {one['chain']}" for one in unswept[:_SHOWN]]
    more = f" and {len(unswept) - _SHOWN} more" if len(unswept) > _SHOWN else ""
    remedy = "`minirelay payments sweep` shows it, with --send it is passed on"
    return warn(Line.UNSWEPT, f"{', '.join(sums)}{more}", remedy)


def judge_proxy(signs: Mapping[str, Any]) -> Result:
    """Say whether what a proxy forwards arrives. signs: of `/v1/now`, what looked as if it did not."""
    peer = signs.get("untrusted_peer")
    if peer is not None and _is_lately(signs.get("forwarded_s")):
        return warn(
            Line.PROXY,
            f"{peer} forwards for others (X-Forwarded-For) and is not believed, so all count as one client",
            "if that is your reverse proxy, put its address into trusted_proxies; else leave it",
        )
    if _is_lately(signs.get("no_upgrade_s")):
        return warn(
            Line.PROXY,
            "a session was asked for without Upgrade within a day",
            "see the line websocket; if that is ok, it was a browser or a health check",
        )
    return ok(Line.PROXY, "nothing was seen within a day of one that is not set up")


def _is_lately(age_s: float | None) -> bool:
    return age_s is not None and age_s <= LATELY_S
