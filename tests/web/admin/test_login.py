"""A link becomes a session, once; its cookie is for no script and no other site."""

from minirelay.web.admin.gate import CSRF_HEADER
from minirelay.web.admin.login_tries import AT_ONCE
from minirelay.web.admin.sessions import SESSION_S
from tests.web.admin.listening import TOKEN, gated


async def test_a_link_sets_a_strict_cookie_once() -> None:
    async with gated() as listener:
        link = listener.links.make()
        async with listener.client.get(link, allow_redirects=False) as answer:
            assert answer.status == 200
            cookie = answer.headers["Set-Cookie"]
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        for part in ("HttpOnly", "SameSite=Strict", f"Max-Age={int(SESSION_S)}", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie
        listener.client.session.cookie_jar.clear()
        async with listener.client.get(link) as answer:
            assert answer.status == 403
            assert "Set-Cookie" not in answer.headers


async def test_a_head_request_of_a_link_preview_does_not_use_it_up() -> None:
    async with gated() as listener:
        link = listener.links.make()
        async with listener.client.head(link) as answer:
            assert answer.status == 405
        async with listener.client.get(link) as answer:
            assert answer.status == 200


async def test_a_wrong_link_says_how_to_get_another_one() -> None:
    async with gated() as listener:
        for query in ("", "?token=", "?token=" + "x" * 4000, "?token=%ff"):
            async with listener.client.get(f"/login{query}") as answer:
                assert answer.status == 403
                assert "minirelay admin" in (await answer.json())["error"]


async def test_wrong_links_keep_nobody_out_who_has_a_right_one_or_the_token() -> None:
    """Any site's page can have the operator's own browser open wrong ones."""
    async with gated() as listener:
        statuses = []
        for _ in range(AT_ONCE + 3):
            async with listener.client.get("/login?token=x") as answer:
                statuses.append(answer.status)
        assert statuses == [403] * AT_ONCE + [429] * 3
        async with listener.client.get("/v1/probe", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            assert answer.status == 200
        async with listener.client.get(listener.links.make()) as answer:
            assert answer.status == 200


async def test_who_logs_out_is_out() -> None:
    async with gated() as listener:
        csrf = await listener.log_in()
        headers = {"Origin": listener.origin, CSRF_HEADER: csrf}
        async with listener.client.post("/v1/logout", headers=headers) as answer:
            assert answer.status == 200
        async with listener.client.get("/v1/session") as answer:
            assert answer.status == 401


async def test_a_session_ends_by_itself() -> None:
    async with gated() as listener:
        await listener.log_in()
        async with listener.client.get("/v1/session") as answer:
            told = await answer.json()
        assert told["ends_in_s"] == SESSION_S
        assert told["extras"] == []
        listener.clock.now += SESSION_S
        async with listener.client.get("/v1/session") as answer:
            assert answer.status == 401
