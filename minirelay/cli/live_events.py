"""What `minirelay dev` shows while it runs: one short line for each event that is logged."""

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TextIO

import click

from minirelay.chain.amounts import show_exact
from minirelay.cli.tables import CUT, cut_amount, short_order
from minirelay.logs import fields_of, one_line

WIDTH: Final = 80
MAX_LINES_PER_SECOND: Final = 100
"""More is only counted: a client that floods the relay must not make it wait for the terminal."""

MAX_CHARACTERS: Final = 1000

_MONEY: Final = ""
_ORDER: Final = {"reason": 0, "order": 1, _MONEY: 2, "shop": 4}
_OTHERS: Final = 3
_AMOUNTS: Final = ("received", "total")
_AMOUNT_WIDTH: Final = 7
# There is one chain only.
_NOT_SHOWN: Final = frozenset({"request", "session", "chain"})
# Each of these was shown already.
_SUMMARIES: Final = frozenset({"writes were refused"})
_LONG_ID: Final = re.compile(r"\b(?:0x)?[0-9A-Fa-f]{16,}\b")
_ENDS: Final = re.compile(rf"(?<=\b[0-9A-Fa-fx]{{8}}){CUT}[0-9A-Fa-f]{{4}}\b")
_COLOURS: Final = {"refused": "yellow", "failed": "red"}


Currencies = Mapping[str, tuple[str, int]]
"""What tokens are called, and how many decimals they have, by checksummed address."""


class LiveFormatter(logging.Formatter):
    """Write `time event, name value, …` on one line of 80 columns; ids are shortened."""

    def __init__(self, currencies: Currencies) -> None:
        """currencies: in which amounts are written as people read them."""
        super().__init__()
        self._currencies = currencies

    def format(self, record: logging.LogRecord) -> str:
        text = one_line(record.getMessage())
        # The reason first: the end may be cut off.
        for name, value in sorted(
            self._fields(record).items(), key=lambda field: _ORDER.get(field[0], _OTHERS)
        ):
            if name not in _NOT_SHOWN and value != "":
                shown = value if name == _MONEY else f"{name} {shortened(one_line(value))}"
                text += f", {shown}"
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{moment}  {text}"
        if len(line) > WIDTH:
            # The beginning of each id says more than half of the last one.
            line = _ENDS.sub(CUT, line)
            head, _, last = line.rpartition(", ")
            if len(line) > WIDTH and last.endswith(CUT):
                line = f"{head}, {CUT}"
        # What asks for attention is not cut off so soon.
        width = WIDTH if record.levelno < logging.WARNING else MAX_CHARACTERS
        line = line if len(line) <= width else line[: width - 1] + "…"
        colour = _colour(record)
        line = click.style(line, fg=colour) if colour else line
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        """Return the fields of a record, amounts of known currencies as people read them."""
        fields = dict(fields_of(record))
        if "order" in fields:
            fields["order"] = short_order(str(fields["order"]))
            # It says no more than its order.
            fields.pop("payment", None)
        known = self._currencies.get(str(fields.get("currency")))
        if known is None:
            return fields
        del fields["currency"]
        symbol, decimals = known
        amounts = [_amount(fields.pop(name), decimals) for name in _AMOUNTS if name in fields]
        return fields | ({_MONEY: f"{' of '.join(amounts)} {symbol}"} if amounts else {})


def _amount(units: object, decimals: int) -> str:
    return cut_amount(show_exact(int(str(units)), decimals), _AMOUNT_WIDTH)


def shortened(text: str) -> str:
    """Cut the middle out of a long id: 0xf39Fd6…2266."""
    return _LONG_ID.sub(lambda found: f"{found[0][:8]}…{found[0][-4:]}", text)


def _colour(record: logging.LogRecord) -> str | None:
    if record.levelno >= logging.WARNING:
        return "red"
    return next((colour for word, colour in _COLOURS.items() if word in record.getMessage()), None)


class LiveHandler(logging.StreamHandler[TextIO]):
    """Shows what is logged, at most so many lines a second, and says how many were left out."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        currencies: Currencies = MappingProxyType({}),
    ) -> None:
        super().__init__(stream)
        self.setFormatter(LiveFormatter(currencies))
        self._clock = clock
        self._second = 0
        self._shown = 0
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, unless too many came in this second. Warnings always come through."""
        if record.getMessage() in _SUMMARIES:
            return
        second = int(self._clock())
        if second != self._second:
            self._second, self._shown = second, 0
            if self._left_out:
                click.echo(f"          … and {self._left_out:,} more", file=self.stream)
                self._left_out = 0
        self._shown += 1
        if self._shown <= MAX_LINES_PER_SECOND or record.levelno >= logging.WARNING:
            self._show(record)
        else:
            self._left_out += 1

    def _show(self, record: logging.LogRecord) -> None:
        try:
            # Without colours where there is no terminal.
            click.echo(self.format(record), file=self.stream)
        except Exception:  # noqa: BLE001 (logging's own way: the terminal may be gone)
            self.handleError(record)


def show_live(currencies: Currencies, stream: TextIO = sys.stdout) -> None:
    """Show from now on what is logged by our own rooms: each write too, and libraries' warnings."""
    handler = LiveHandler(stream, currencies=currencies)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("minirelay").setLevel(logging.INFO)
    logging.getLogger("minirelay.relay.event_log").setLevel(logging.DEBUG)
