"""Writes while a payment chain hangs."""

import socket
from contextlib import ExitStack

import pytest

from minirelay.bench import goals
from minirelay.bench.bench import Bench
from minirelay.bench.scenarios.hanging_chain import WAITS_S, hanging_endpoints, run
from minirelay.bench.session import BenchError
from tests.bench.sections import values_of


def test_writes_go_on_while_choices_wait(own_bench: Bench) -> None:
    section = run(own_bench)
    values = values_of(section)
    # Ten times what is allowed: the machine does other things meanwhile.
    assert 0 < values["while they wait, p99"] <= 10 * goals.P99_OF_OTHERS_MS.bound
    assert WAITS_S <= values["choices refused after"] <= values["the last of them"] < 2 * WAITS_S
    assert [one.name.strip() for one in section.figures if one.goal] == ["while they wait, p99"]
    assert goals.P99_OF_OTHERS_MS.is_must


def test_endpoints_accept_and_never_answer() -> None:
    with ExitStack() as connections:
        with hanging_endpoints(2) as urls:
            ports = [int(url.rpartition(":")[2]) for url in urls]
            connected = [
                connections.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for port in ports
            ]
            for one in connected:
                one.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    one.recv(1)
        for one in connected:
            one.settimeout(5)
            assert one.recv(1) == b""


def test_a_running_relay_is_not_measured(bench: Bench) -> None:
    with pytest.raises(BenchError, match="that the benchmark starts itself"):
        run(bench)
