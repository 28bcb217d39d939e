"""`minirelay dev-chain` beside a running `minirelay dev`; what it does is in tests/dev/test_blocks.py."""

from web3 import Web3

from tests.cli.commands import assert_one_line, minirelay
from tests.system.programs import minirelay_dev


def test_blocks_are_mined_stopped_and_replaced() -> None:
    with minirelay_dev("--no-demo") as program:
        w3 = Web3(Web3.HTTPProvider(program.ready["rpc_url"]))
        where = ("--relay", program.ready["base_url"])

        def said(*arguments: str) -> str:
            outcome = minirelay("dev-chain", *arguments, *where)
            assert outcome.code == 0, outcome.err
            return outcome.out

        head = w3.eth.block_number
        assert said("mine", "3") == f"mined 3; the head is block {head + 3}\n"
        assert said("reorganise", "2") == (
            f"2 replaced; their 0 transactions are gone; the head is block {head + 4}\n"
        )
        assert said("stop").startswith("no blocks from now on")
        assert said("go").startswith("a block for each transaction")
        assert_one_line(minirelay("dev-chain", "reorganise", "9999", *where), 2, "can't go back 9999")


def test_help_says_what_there_is() -> None:
    outcome = minirelay("dev-chain", "--help")
    assert [line.split()[0] for line in outcome.out.splitlines()[-4:]] == ["go", "mine", "reorganise", "stop"]
