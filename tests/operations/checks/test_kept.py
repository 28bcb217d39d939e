from minirelay.config.settings import Settings
from minirelay.operations.checks.kept import check_payees
from minirelay.operations.checks.result import Verdict


async def test_payees_on_chains_without_an_endpoint_are_not_tried_and_not_none() -> None:
    (found,) = await check_payees([(5, bytes(20)), (6, bytes(20))], {}, Settings())
    assert (found.verdict, found.text) == (Verdict.OK, "2 not tried: their chains have no endpoint here")
    (found,) = await check_payees([], {}, Settings())
    assert found.text == "none yet"
