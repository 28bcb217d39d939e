"""What the database remembers of the relay's token."""

from minirelay.chain.sending import Sent
from minirelay.chain.token_memory import OWNER_KEY, TokenMemory
from tests.chain.notebook import Notebook

HIGHEST = 2**256 - 1


async def test_nothing_is_remembered_at_first() -> None:
    memory = TokenMemory(Notebook())
    assert (await memory.owned(), await memory.minting(), await memory.sent()) == (None, None, None)
    assert await memory.last_owner(0) is None


async def test_what_is_remembered_is_told() -> None:
    memory, sent = TokenMemory(Notebook()), Sent(1, b"s" * 20, 2, 3, 4, b"h" * 32)
    await memory.set_owned(HIGHEST)
    await memory.set_minting(7)
    await memory.set_sent(sent)
    assert (await memory.owned(), await memory.minting(), await memory.sent()) == (HIGHEST, 7, sent)


async def test_an_owner_is_of_one_token_alone() -> None:
    notebook = Notebook()
    memory = TokenMemory(notebook)
    await memory.set_last_owner(5, b"o" * 20)
    assert (await memory.last_owner(5), await memory.last_owner(6)) == (b"o" * 20, None)
    assert notebook.rows == {OWNER_KEY: (5).to_bytes(32) + b"o" * 20}
