"""One record per endpoint, and the application has those and no others."""

import json

import msgspec

from minirelay.web.app import create_app
from minirelay.web.errors import failure_at
from minirelay.web.routes import ENROLMENT, ROUTES
from tests.web.edge import SETTINGS, Backend


def test_the_application_has_the_routes_that_have_a_record() -> None:
    settings = msgspec.structs.replace(SETTINGS, development=True)
    app = create_app(settings, Backend().services())
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    recorded: set[tuple[str, str]] = {(route.method, route.path) for route in ROUTES.values()}
    recorded |= {("HEAD", path) for method, path in recorded if method == "GET"}
    assert served == recorded


def test_failures_are_told_under_the_name_that_clients_know() -> None:
    named = failure_at(ENROLMENT.path, 500, "no")
    assert named.text is not None
    assert json.loads(named.text) == {"handler": "enrollKeyCard", "error": "no"}
    for path in ("/health", "/nothing", ENROLMENT.path + "/"):
        other = failure_at(path, 500, "no")
        assert other.text is not None
        assert json.loads(other.text) == {"error": "no"}


def test_only_enrolments_bring_a_body() -> None:
    assert [route.path for route in ROUTES.values() if route.max_body_bytes] == [ENROLMENT.path]
