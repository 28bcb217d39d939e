import pytest

from minirelay.operations.checks.result import Verdict
from minirelay.operations.checks.versions import check_python, check_sqlite_version, has_wal_fault


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_which_versions_of_sqlite_lose_commits(version: tuple[int, int, int], has_it: bool) -> None:
    assert has_wal_fault(version) is has_it


def test_a_faulty_sqlite_is_safe_here_and_the_line_says_why() -> None:
    result = check_sqlite_version((3, 45, 1))
    assert result.verdict is Verdict.OK
    assert result.text.startswith("3.45.1, safe here as long as no other program opens the database")
    assert "minirelay writes with one" in result.text


def test_a_sqlite_that_lacks_what_is_needed_fails() -> None:
    assert check_sqlite_version((3, 30, 0)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ((3, 10, 9), Verdict.FAIL),
        ((3, 11, 0), Verdict.OK),
        ((3, 13, 5), Verdict.OK),
        ((3, 14, 0), Verdict.FAIL),
    ],
)
def test_which_versions_of_python_will_do(version: tuple[int, int, int], verdict: Verdict) -> None:
    assert check_python(version).verdict is verdict
