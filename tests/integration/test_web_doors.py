"""Doors: who gets in, what every answer carries, what other sites and too many requests come to."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from assessor.errors import FileInvalid, SandboxFault, SettingInvalid, StoreFault
from assessor.rows.users import Role, Scope
from assessor.web import access, app, rendering
from assessor.web.access import PUBLIC, SIGNED_IN, Visitor, allow, router
from tests import webbed

SECRET = "/srv/secret/place"
tried = router("/tried")


class Body(BaseModel):
    number: int


@tried.get("/public")
def public(visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    return PlainTextResponse("public")


@tried.get("/anybody")
def anybody(visitor: Annotated[Visitor, allow(SIGNED_IN)]) -> Response:
    return PlainTextResponse(visitor.signed_in().email)


@tried.get("/broken")
def broken(visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    raise RuntimeError(SECRET)


@tried.get("/away")
def away(visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    raise StoreFault(f"store sqlite:///{SECRET}: cannot be read")


@tried.get("/authored")
def authored(visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    raise FileInvalid(SECRET, "is wrong")


@tried.get("/again")
def again(visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    raise SandboxFault(SECRET)


@tried.get("/shown")
def shown(request: Request, visitor: Annotated[Visitor, allow(PUBLIC)], text: str) -> Response:
    return rendering.page(request, "sign_in.html", next="/", email=text, problem=text)


@tried.post("/changed")
def changed(visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.SUBMIT)]) -> Response:
    return PlainTextResponse("changed")


for one in Role:

    def _only(visitor: Annotated[Visitor, allow(one)]) -> Response:
        return PlainTextResponse("in")

    tried.add_api_route(f"/role/{one}", _only, methods=["GET", "POST"], include_in_schema=False)

programs = router("/api/tried")


@programs.get("/anybody")
def program(visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.READ)]) -> dict[str, str]:
    return {"email": visitor.signed_in().email}


@programs.get("/broken")
def program_broken(visitor: Annotated[Visitor, allow(PUBLIC)]) -> Response:
    raise RuntimeError(SECRET)


@programs.post("/body")
def program_body(visitor: Annotated[Visitor, allow(SIGNED_IN, scope=Scope.SUBMIT)], body: Body) -> int:
    return body.number


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webbed.Web]:
    folder = tmp_path_factory.mktemp("web")
    with webbed.served(
        folder, {"ASSESSOR_WEB_RATE": "none"}, routers=(tried, programs), throttle=webbed.unlimited()
    ) as found:
        yield found


def routes() -> list[APIRoute]:
    return [
        route
        for one in (*app.ROUTERS, tried, programs)
        for route in one.routes
        if isinstance(route, APIRoute)
    ]


# Who gets in.


@pytest.mark.parametrize("who", [None, *Role])
def test_every_route_lets_in_whom_it_says(web: webbed.Web, who: Role | None) -> None:
    browser = web.browser() if who is None else web.signed_in(who)
    for route in routes():
        wanted = access.of(route).roles
        path = re.sub(r"\{[^}]+\}", "none", route.path)
        for method in route.methods or ():
            answer = browser.client.request(method, path, headers=browser.headers)
            said = f"{method} {path} as {who}: {answer.status_code}"
            refused = "This is not for you" in answer.text or "/sign-in?next=" in answer.headers.get(
                "location", ""
            )
            refused = refused or "Please sign in" in answer.text
            if path.startswith("/api/"):
                refused = answer.status_code in (401, 403) and answer.json()["code"] in (
                    "sign-in-needed",
                    "not-allowed",
                )
            assert refused == bool(wanted and who not in wanted), said


def test_route_that_does_not_say_who_is_refused_at_start(web: webbed.Web) -> None:
    careless = router()
    with pytest.raises(TypeError, match=r"GET /careless: expected allow\(\.\.\.\) once, got it 0 times"):
        careless.add_api_route("/careless", lambda: None)


def test_route_of_another_kind_is_refused_at_start(web: webbed.Web) -> None:
    plain = APIRouter()

    @plain.get("/plain")
    def handler(visitor: Annotated[Visitor, allow(PUBLIC)]) -> None: ...

    with pytest.raises(TypeError, match=r"/plain: expected a route of access.router\(\), got another"):
        app.make(web.here, (plain,))


def test_route_that_streams_past_the_checks_is_refused_at_start(web: webbed.Web) -> None:
    careless = router()

    @careless.post("/careless")
    def handler(visitor: Annotated[Visitor, allow(PUBLIC, streams=True)]) -> None: ...

    with pytest.raises(TypeError, match=r"/careless: expected a parameter of uploads\.Upload"):
        app.make(web.here, (careless,))


def test_nothing_is_allowed_by_saying_nothing() -> None:
    with pytest.raises(TypeError, match="expected at least one role"):
        allow()


def test_person_is_sent_to_sign_in_and_back(web: webbed.Web) -> None:
    answer = web.browser().get("/tried/anybody?a=1&b=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Ftried%2Fanybody%3Fa%3D1%26b%3D2"


def test_whoever_is_switched_off_is_out_at_once(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    browser, token = web.signed_in(user=user), web.token(user)
    assert browser.get("/tried/anybody").text == user.email
    web.bench.parts.store.set_active(user.id, False, act=web.act())
    assert browser.get("/tried/anybody").status_code == 303
    assert web.browser().get("/api/tried/anybody", headers=token).status_code == 401


def test_session_that_was_rotated_opens_nothing_by_its_old_cookie(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    web.bench.parts.store.rotate_session(
        browser.client.cookies["assessor"], new_secret="n" * 43, csrf="c", now=web.bench.clock()
    )
    assert browser.get("/tried/anybody").status_code == 303


def test_changed_roles_sign_out(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    browser = web.signed_in(user=user)
    web.bench.parts.store.set_roles(user.id, {Role.LEARNER, Role.ADMIN}, seed=web.seed(), act=web.act())
    assert browser.get("/tried/anybody").status_code == 303


# Programs.


def test_token_opens_what_its_scope_says(web: webbed.Web) -> None:
    user = web.user(Role.LEARNER)
    answer = web.browser().get("/api/tried/anybody", headers=web.token(user, Scope.READ))
    assert answer.json() == {"email": user.email}


def test_token_without_the_scope_is_told_which(web: webbed.Web) -> None:
    answer = web.browser().get("/api/tried/anybody", headers=web.token(web.user(), Scope.SUBMIT))
    assert answer.status_code == 403
    assert answer.json()["detail"] == "expected a token with the scope read, got one with submit"


def test_token_opens_no_page(web: webbed.Web) -> None:
    answer = web.browser().get("/tried/anybody", headers=web.token(web.user(), *Scope))
    assert answer.status_code == 403


def test_token_narrows_roles_and_never_widens_them(web: webbed.Web) -> None:
    only = router("/api/only")

    @only.get("/admins")
    def admins(visitor: Annotated[Visitor, allow(Role.ADMIN, scope=Scope.ADMIN)]) -> None: ...

    visitor = Visitor(user=web.user(Role.LEARNER), token=_all_scopes(web))
    with pytest.raises(Exception, match="expected the role admin, got learner"):
        access.of(only.routes[0]).check(visitor)  # type: ignore[arg-type]


def _all_scopes(web: webbed.Web) -> Any:
    user = web.user()
    web.token(user, *Scope)
    return web.bench.parts.store.tokens(user.id)[0]


@pytest.mark.parametrize("shown", ["Bearer asr_none", "Bearer", "Basic YTpi", "bearer x y", "asr_none"])
def test_token_that_does_not_hold_is_no_visitor_even_with_a_cookie(web: webbed.Web, shown: str) -> None:
    answer = web.signed_in(Role.LEARNER).get("/api/tried/anybody", headers={"Authorization": shown})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_program_needs_no_form_of_ours(web: webbed.Web) -> None:
    answer = web.browser().client.post("/tried/changed", headers=web.token(web.user(), Scope.SUBMIT))
    assert answer.text == "changed"


def test_cookie_on_the_api_needs_the_token_of_forms(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    send = browser.client.post
    assert send("/api/tried/body", json={"number": 1}, headers=browser.headers).status_code == 403
    token = {"X-CSRF-Token": browser.token("/")}
    assert send("/api/tried/body", json={"number": 1}, headers=browser.headers | token).json() == 1


# Other sites.


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_request_that_no_page_of_this_site_sent_changes_nothing(
    web: webbed.Web, headers: dict[str, str]
) -> None:
    browser = web.signed_in(Role.LEARNER)
    token = browser.token("/")
    answer = browser.client.post("/tried/changed", data={"csrf": token}, headers=headers)
    assert answer.status_code == 403
    assert "This form is too old" in answer.text


def test_page_of_a_neighbour_is_another_site(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    headers = browser.headers | {"Sec-Fetch-Site": "same-site"}
    answer = browser.client.post("/tried/changed", data={"csrf": browser.token("/")}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("token", [None, "", "x", "ü", "somebody else's"])
def test_form_without_its_token_changes_nothing(web: webbed.Web, token: str | None) -> None:
    browser = web.signed_in(Role.LEARNER)
    if token == "somebody else's":
        token = web.signed_in(Role.LEARNER).token("/")
    data = {} if token is None else {"csrf": token}
    answer = browser.client.post("/tried/changed", data=data, headers=browser.headers)
    assert answer.status_code == 403


def test_form_with_its_token_does(web: webbed.Web) -> None:
    assert web.signed_in(Role.LEARNER).post("/tried/changed", page="/").text == "changed"


def test_token_in_the_address_is_none(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    path = f"/tried/changed?csrf={browser.token('/')}"
    assert browser.client.post(path, headers=browser.headers).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:8080", ""])
def test_request_under_another_name_is_refused(web: webbed.Web, host: str) -> None:
    answer = web.browser().get("/", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert "evil" not in answer.text


def test_name_in_a_forwarded_header_is_not_believed(web: webbed.Web) -> None:
    headers = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example",
    }
    answer = web.browser().get("/sign-in", headers=headers)
    assert answer.status_code == 200
    assert "evil.example" not in answer.text
    assert "Secure" not in answer.headers["set-cookie"]


# What every answer carries.

ANSWERS = [
    "/",
    "/sign-in",
    "/nothing-here",
    "/tried/broken",
    "/tried/away",
    "/api/nothing",
    "/api/tried/broken",
    "/static/app.css",
    "/static/nothing.css",
    "/vendor/htmx.min.js",
]


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_carries_the_headers(web: webbed.Web, path: str) -> None:
    headers = web.browser().get(path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers
    assert "server" not in headers
    assert len(headers["x-request-id"]) == 16


@pytest.mark.parametrize("path", ANSWERS[:7])
def test_pages_are_kept_by_nobody(web: webbed.Web, path: str) -> None:
    assert web.browser().get(path).headers["cache-control"] == "no-store"


def test_static_file_is_kept_as_long_as_its_address_holds(web: webbed.Web) -> None:
    browser = web.browser()
    found = re.search(r'href="(/static/app\.css\?v=[0-9a-f]{16})"', browser.get("/").text)
    assert found is not None
    assert browser.get(found[1]).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert browser.get("/static/app.css").headers["cache-control"] == "public, max-age=300"


def test_head_is_get_without_a_body(web: webbed.Web) -> None:
    browser = web.browser()
    answer = browser.client.head("/sign-in")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 500
    assert answer.content == b""
    assert browser.client.get("/sign-in").status_code == 200, "the connection is in order afterwards"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/vendor/../../../../../../etc/passwd",
        "/static/%00",
        "/static/",
    ],
)
def test_nothing_but_static_files_is_static(web: webbed.Web, path: str) -> None:
    # By hand: a client would tidy the path.
    with socket.create_connection(("127.0.0.1", web.port), timeout=30) as connection:
        host = web.here.site.url.partition("//")[2]
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.split(b" ", 2)[1] == b"404"
    assert b"root:" not in answer
    assert b"import" not in answer


# What goes wrong.


@pytest.mark.parametrize(
    ("path", "status"),
    [("/tried/broken", 500), ("/tried/away", 503), ("/tried/authored", 500), ("/tried/again", 503)],
)
def test_page_of_our_fault_tells_nothing_of_it(web: webbed.Web, path: str, status: int) -> None:
    answer = web.browser().get(path)
    assert answer.status_code == status
    for leaked in (SECRET, "secret", "Traceback", "RuntimeError", "sqlite", ".py", "store"):
        assert leaked not in answer.text
    assert answer.headers["x-request-id"] in answer.text


def test_problem_of_our_fault_tells_nothing_of_it(web: webbed.Web) -> None:
    answer = web.browser().get("/api/tried/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Something broke on our side",
        "status": 500,
        "detail": "It was not your doing. Please try again in a while.",
        "code": "our-fault",
        "request": answer.headers["x-request-id"],
    }


def test_page_that_cannot_be_made_is_still_an_answer(
    web: webbed.Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object, **_more: object) -> str:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(web.here.renderer, "render", fail)
    answer = web.browser().get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/plain; charset=utf-8")
    assert SECRET not in answer.text
    assert "content-security-policy" in answer.headers


def test_wrong_field_is_named_and_never_echoed(web: webbed.Web) -> None:
    headers = web.token(web.user(), Scope.SUBMIT)
    answer = web.browser().client.post("/api/tried/body", json={"number": "<hush>"}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.number"
    assert "hush" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"number": 1e999}', b"[" * 5000, b'{"number": "\\ud800"}'])
def test_body_that_does_not_parse_is_the_programs_fault(web: webbed.Web, body: bytes) -> None:
    headers = web.token(web.user(), Scope.SUBMIT) | {"Content-Type": "application/json"}
    answer = web.browser().client.post("/api/tried/body", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_method_that_an_address_does_not_take(web: webbed.Web) -> None:
    answer = web.browser().client.delete("/sign-in")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


def test_text_of_a_stranger_is_text(web: webbed.Web) -> None:
    text = '<script>alert(1)</script>" onfocus=x \u202egnp.exe'
    answer = web.browser().get("/tried/shown", params={"text": text})
    assert "<script>alert" not in answer.text
    assert '" onfocus' not in answer.text
    assert "[U+202E]" in answer.text


def test_script_of_others_is_sent_compressed_to_who_takes_that(web: webbed.Web) -> None:
    browser = web.browser()
    address = rendering.vendor("editor.min.js")
    plain = browser.get(address, headers={"Accept-Encoding": "identity"})
    packed = browser.get(address, headers={"Accept-Encoding": "gzip, deflate, br"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == (rendering.VENDOR / "editor.min.js").read_bytes()
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    for answer in (plain, packed):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "immutable" in answer.headers["cache-control"]
    tag = packed.headers["etag"]
    again = browser.get(address, headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_vendored_files_are_needed(web: webbed.Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rendering, "VENDOR", tmp_path)
    with pytest.raises(SettingInvalid, match=r"got no .*, editor\.min\.js: run script/vendor"):
        app.make(web.here)


# Too large, too often.


def test_body_over_the_limit_is_not_read(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    answer = browser.client.post(
        "/tried/changed", content=b"x" * (access.FORM_BYTES + 1), headers=browser.headers
    )
    assert answer.status_code == 413
    assert "expected a request of at most 256 KiB, got more" in answer.text


def test_body_that_hides_its_length_is_cut_off(web: webbed.Web) -> None:
    browser = web.signed_in(Role.LEARNER)
    pieces = (b"x" * 65536 for _ in range(100))
    answer = browser.client.post("/tried/changed", content=pieces, headers=browser.headers)
    assert answer.status_code == 413


def test_nobody_who_is_not_let_in_is_read(web: webbed.Web) -> None:
    answer = web.browser().client.post("/api/tried/body", content=b"x" * 10_000_000)
    assert answer.status_code == 401


def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    with webbed.served(tmp_path, {"ASSESSOR_WEB_RATE": "5/1h"}) as web:
        one = web.browser()
        found = [one.get("/").status_code for _ in range(6)]
        assert found == [200] * 5 + [429]
        answer = one.get("/api/x")
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 7200
        assert answer.json()["code"] == "throttled"
        assert web.browser(address="127.0.0.9").get("/").status_code == 200, "another address"
        assert web.signed_in(Role.LEARNER).get("/").status_code == 200, "a user, wherever they are"
