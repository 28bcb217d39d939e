"""Generated inputs: CBOR values, and well-formed bytes spoilt a little."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from minirelay.protocol.cbor import Value

# The same examples every time, and no opinion about how fast the machine is just now.
STEADY = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])

uint64s = st.integers(0, 2**64 - 1)
uint256s = st.one_of(st.integers(0, 300), uint64s, st.integers(0, 2**256 - 1))
texts = st.text(max_size=40)
keys = st.one_of(texts, uint64s, st.binary(max_size=40))
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda naive: naive.replace(microsecond=0, tzinfo=UTC)
)
leaves = st.one_of(st.none(), st.booleans(), uint256s, texts, st.binary(max_size=300), times)
values: st.SearchStrategy[Value] = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(keys, inner, max_size=6)),
    max_leaves=30,
)


@st.composite
def spoilt(draw: st.DrawFn, sound: bytes) -> bytes:
    """Change, insert, drop or repeat a few bytes."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 4))
        match draw(st.sampled_from(("change", "insert", "drop", "repeat", "end"))):
            case "change":
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=4))
            case "drop":
                del data[place : place + length]
            case "repeat":
                data[place:place] = data[place : place + length]
            case "end":
                del data[place:]
    return bytes(data)
