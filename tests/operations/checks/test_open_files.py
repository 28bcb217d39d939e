from minirelay.config.limits import LimitSettings
from minirelay.operations.checks.open_files import check_open_files, judge_open_files
from minirelay.operations.checks.result import Line, Verdict

LIMITS = LimitSettings(max_sessions=100, reserved_files=10)


def test_fewer_files_than_sessions_are_a_warning() -> None:
    assert judge_open_files(109, LIMITS).verdict is Verdict.WARN
    assert judge_open_files(110, LIMITS).verdict is Verdict.OK
    assert judge_open_files(None, LIMITS).verdict is Verdict.OK


def test_the_limit_of_this_process_is_read() -> None:
    assert check_open_files(LIMITS).line is Line.OPEN_FILES
