"""What tokens are asked, against the compiler's own interface of one."""

import pytest

from minirelay.protocol.abi import load_abi
from minirelay.protocol.erc20 import APPROVE, DECIMALS, TRANSFER


@pytest.mark.parametrize("function", [DECIMALS, APPROVE, TRANSFER], ids=lambda function: str(function.name))
def test_a_token_has_these_functions(function: object) -> None:
    assert isinstance(function, type(DECIMALS))
    assert function.selector == load_abi("Eddies").function(function.name).selector
