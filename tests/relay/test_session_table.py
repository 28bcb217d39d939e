"""The table of sessions: whole, and in the docstring as it is in the data."""

from typing import get_args

import pytest

from minirelay.errors import Refusal
from minirelay.protocol import envelope as wire
from minirelay.relay import session_table
from minirelay.relay.session_table import TABLE, TRANSITIONS, Report, SessionState, Transition, Trigger

OPEN_STATES = [state for state in SessionState if state is not SessionState.CLOSED]
REQUESTS = [*get_args(wire.ClientRequest), *get_args(wire.RelayRequest)]


def show(cell: Transition) -> str:
    does = cell.does.code.name if isinstance(cell.does, Refusal) else cell.does.value
    return does if cell.then is None else f"{does} -> {cell.then.name}"


def name(trigger: Trigger) -> str:
    return trigger.value if isinstance(trigger, Report) else trigger.__name__


def printed() -> str:
    """Print the table as the docstring has it."""
    rows = [["", *(state.name for state in OPEN_STATES)]]
    rows += [[name(one), *(show(TRANSITIONS[state, one]) for state in OPEN_STATES)] for one in TABLE]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(f"    {line}" for line in lines)


def test_the_docstring_has_the_table() -> None:
    assert printed() in (session_table.__doc__ or ""), f"put this into the docstring:\n\n{printed()}\n"


@pytest.mark.parametrize("state", OPEN_STATES)
@pytest.mark.parametrize("message", REQUESTS)
def test_every_state_that_is_open_knows_every_request(
    state: SessionState, message: type[wire.Message]
) -> None:
    assert (state, message) in TRANSITIONS


def test_a_closed_session_has_no_transitions() -> None:
    assert not [state for state, _ in TRANSITIONS if state is SessionState.CLOSED]


def test_authentication_is_reached_through_a_claimed_card_only() -> None:
    assert {
        trigger for (_, trigger), cell in TRANSITIONS.items() if cell.then is SessionState.AUTHENTICATED
    } == {Report.CLAIMED_CARD}


def test_writing_is_for_authenticated_sessions_only() -> None:
    found = {state for (state, _), cell in TRANSITIONS.items() if cell.does is session_table.Action.WRITE}
    assert found == {SessionState.AUTHENTICATED}
