"""Nobody is let in who has neither a session nor the token; another site's page never is."""

import pytest

from minirelay.web.admin.gate import CSRF_HEADER, SECURITY_HEADERS
from minirelay.web.admin.login_tries import AT_ONCE, EVERY_S
from tests.web.admin.listening import TOKEN, Gated, gated


async def status_of(
    gate: Gated, method: str = "GET", path: str = "/v1/probe", headers: dict[str, str] | None = None
) -> int:
    async with gate.client.request(method, path, headers=headers or {}) as answer:
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "Access-Control-Allow-Origin" not in answer.headers
        return answer.status


@pytest.mark.parametrize("path", ["/", "/v1/probe", "/v1/session", "/v1/nothing", "/login/", "/metrics/"])
async def test_nothing_is_told_to_who_is_not_logged_in(path: str) -> None:
    async with gated() as listener:
        assert await status_of(listener, path=path) == 401
        assert await status_of(listener, path=path, headers={"Cookie": "minirelay-admin-4445=x"}) == 401


async def test_a_session_may_look_and_change() -> None:
    async with gated() as listener:
        csrf = await listener.log_in()
        assert await status_of(listener) == 200
        headers = {"Origin": listener.origin, CSRF_HEADER: csrf}
        assert await status_of(listener, "POST", headers=headers) == 200
        assert listener.probe.changes == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_session_changes_nothing_without_both_origin_and_csrf_header(method: str) -> None:
    async with gated() as listener:
        csrf = await listener.log_in()
        own = {"Origin": listener.origin}
        for headers in (
            {},
            own,
            {CSRF_HEADER: csrf},
            own | {CSRF_HEADER: ""},
            own | {CSRF_HEADER: csrf[:-1]},
            {"Origin": "http://127.0.0.1:3000", CSRF_HEADER: csrf},
            {"Origin": "null", CSRF_HEADER: csrf},
            own | {CSRF_HEADER: csrf, "Sec-Fetch-Site": "same-site"},
        ):
            assert await status_of(listener, method, headers=headers) == 403, headers
        assert listener.probe.changes == 0


async def test_a_name_that_was_made_to_point_here_gets_nothing() -> None:
    async with gated() as listener:
        await listener.log_in()
        for path in ("/v1/probe", "/metrics", "/login?token=x", "/"):
            assert await status_of(listener, path=path, headers={"Host": "evil.example"}) == 403
        bearer = {"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"}
        assert await status_of(listener, headers=bearer) == 403


async def test_the_token_lets_programs_in() -> None:
    async with gated() as listener:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert await status_of(listener, headers=headers) == 200
        assert await status_of(listener, "POST", headers=headers) == 200
        foreign = headers | {"Origin": "https://evil.example"}
        assert await status_of(listener, "POST", headers=foreign) == 403
        assert listener.probe.changes == 1


@pytest.mark.parametrize("given", ["", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Basic eDp4"])
async def test_another_token_lets_nobody_in_not_even_with_a_session(given: str) -> None:
    async with gated() as listener:
        await listener.log_in()
        assert await status_of(listener, headers={"Authorization": given}) == 401


async def test_without_a_token_file_no_token_is_right() -> None:
    async with gated(token=None) as listener:
        for given in ("Bearer ", "Bearer None", ""):
            assert await status_of(listener, headers={"Authorization": given}) == 401


async def test_metrics_are_for_this_machine_and_the_token() -> None:
    async with gated() as listener:
        assert await status_of(listener, path="/metrics") == 200
        assert await status_of(listener, path="/metrics", headers={"X-Forwarded-For": "192.0.2.1"}) == 401
        both = {"X-Forwarded-For": "192.0.2.1", "Authorization": f"Bearer {TOKEN}"}
        assert await status_of(listener, path="/metrics", headers=both) == 200


async def test_who_guesses_is_slowed_down_even_when_they_guess_right() -> None:
    async with gated() as listener:
        wrong, right = ({"Authorization": f"Bearer {token}"} for token in ("x", TOKEN))
        for _ in range(AT_ONCE):
            assert await status_of(listener, headers=wrong) == 401
        async with listener.client.get("/v1/probe", headers=right) as answer:
            assert answer.status == 429
            assert answer.headers["Retry-After"] == str(int(EVERY_S))
        listener.clock.now += EVERY_S
        assert await status_of(listener, headers=right) == 200


async def test_who_is_logged_in_does_not_feel_others_guesses() -> None:
    async with gated() as listener:
        await listener.log_in()
        for _ in range(AT_ONCE + 1):
            await status_of(listener, headers={"Authorization": "Bearer x"})
        assert await status_of(listener) == 200


async def test_who_asked_is_known_to_what_answers() -> None:
    async with gated() as listener:
        await listener.log_in()
        async with listener.client.get("/v1/probe") as answer:
            assert await answer.json() == {"caller": "operator's page"}
        async with listener.client.get("/v1/probe", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            assert await answer.json() == {"caller": "admin token"}
