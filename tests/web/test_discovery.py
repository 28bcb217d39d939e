"""`GET /testing/discovery`: there in development mode only."""

import msgspec

from tests.web.edge import RELAY_TOKEN, SETTINGS, serving


async def test_in_development_mode() -> None:
    settings = msgspec.structs.replace(SETTINGS, development=True)
    async with serving(settings=settings) as client, client.get("/testing/discovery") as response:
        assert response.status == 200
        assert await response.json() == {
            "status": "ok",
            "relay_token_id": f"0x{RELAY_TOKEN:064x}",
            "chain_id": 31337,
        }


async def test_otherwise_it_is_not_there() -> None:
    async with serving() as client, client.get("/testing/discovery") as response:
        assert response.status == 404
