"""Nothing is sent without a yes. What a terminal shows, test_register.py and test_shop_create.py see."""

import pytest

from minirelay.cli.agreement import agree
from minirelay.errors import ConfigError


def test_where_nobody_can_be_asked_it_takes_a_yes_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="this would cost 1: run it with --yes to agree"):
        agree("plan", "this would cost 1", is_agreed=False)
    assert agree("plan", "this would cost 1", is_agreed=True)
    assert capsys.readouterr().err == ""
