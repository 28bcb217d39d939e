from minirelay.web.admin.sessions import LINK_S, MOST_LINKS, SESSION_S, AdminSessions
from tests.web.admin.clocks import Clock


def log_in(sessions: AdminSessions) -> str:
    login = sessions.log_in(sessions.make_link())
    assert login is not None
    return login.cookie


def test_a_link_works_once() -> None:
    sessions = AdminSessions(Clock(), 4)
    link = sessions.make_link()
    login = sessions.log_in(link)
    assert login is not None
    assert sessions.log_in(link) is None
    session = sessions.find(login.cookie)
    assert session is not None
    assert session.csrf == login.csrf
    assert sessions.find(login.csrf) is None


def test_a_link_works_for_five_minutes() -> None:
    clock = Clock()
    sessions = AdminSessions(clock, 4)
    early, late = sessions.make_link(), sessions.make_link()
    clock.now += LINK_S - 1
    assert sessions.log_in(early) is not None
    clock.now += 1
    assert sessions.log_in(late) is None


def test_what_was_never_given_logs_nobody_in() -> None:
    sessions = AdminSessions(Clock(), 4)
    sessions.make_link()
    assert sessions.log_in("") is None
    assert sessions.log_in("\udcff") is None
    assert sessions.find("") is None


def test_a_session_ends_after_twelve_hours_however_much_it_is_used() -> None:
    clock = Clock()
    sessions = AdminSessions(clock, 4)
    cookie = log_in(sessions)
    clock.now += SESSION_S - 1
    session = sessions.find(cookie)
    assert session is not None
    assert sessions.left_s(session) == 1
    clock.now += 1
    assert sessions.find(cookie) is None


def test_sessions_and_links_are_bounded_and_the_oldest_goes() -> None:
    sessions = AdminSessions(Clock(), 2)
    cookies = [log_in(sessions) for _ in range(3)]
    assert [sessions.find(cookie) is None for cookie in cookies] == [True, False, False]
    assert len(sessions) == 2
    links = [sessions.make_link() for _ in range(MOST_LINKS + 1)]
    assert sessions.log_in(links[0]) is None
    assert sessions.log_in(links[1]) is not None


def test_who_logs_out_is_out() -> None:
    sessions = AdminSessions(Clock(), 2)
    cookie = log_in(sessions)
    sessions.log_out(cookie)
    assert sessions.find(cookie) is None
