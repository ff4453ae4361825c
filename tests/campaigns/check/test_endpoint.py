"""Our own functions pass; what stands before them and spoils an answer is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import flask
import httpx
import pytest

from evermail import clock
from evermail.campaigns import Tokens
from evermail.campaigns.check import Finding, endpoint
from evermail.campaigns.check.draft import Draft
from evermail.tokens import TokenSigner
from tests.campaigns.check.good_email import LIVE, NOW_US, codes, good
from tests.functions.all_in_one import environment, fill, served
from tests.functions.fakes import KEY, RECIPIENT, SENDER

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[flask.Flask]:
    folder = tmp_path_factory.mktemp("functions")
    fill(environment(folder)["EVERMAIL_STORE"])
    with served(folder) as app:
        yield app


def live_draft() -> Draft:
    """With a token that the functions take."""
    signed = Tokens.signed(RECIPIENT, TokenSigner([KEY], clock=clock.now_us))
    return Draft(good(signed), NOW_US)


LIVE_URL = f"{LIVE}/recommendations?t={endpoint._BAD_TOKEN}"


def ask(handler: Handler, url: str = LIVE_URL, sender: str = SENDER, **more: object) -> list[Finding]:
    with httpx.Client(transport=httpx.MockTransport(handler)) as client:
        return list(endpoint.find(url, sender, client, **more))  # type: ignore[arg-type]


def through(app: flask.Flask, change: Callable[[httpx.Request, httpx.Response], object]) -> Handler:
    """What the functions answer, changed by something that stands before them."""
    transport = httpx.WSGITransport(app=app)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = transport.handle_request(request)
        answer.read()
        changed = httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        replaced = change(request, changed)
        return replaced if isinstance(replaced, httpx.Response) else changed

    return handle


@pytest.mark.parametrize("sender", [SENDER, SENDER.upper()])
def test_our_functions_give_no_finding(functions: flask.Flask, sender: str) -> None:
    url = endpoint.live_address(live_draft(), LIVE, has_tokens=True)
    assert ask(through(functions, lambda request, answer: None), url, sender) == []


def test_the_trending_list_gives_no_finding(functions: flask.Flask) -> None:
    assert ask(through(functions, lambda request, answer: None), f"{LIVE}/trending?n=4") == []


def test_without_a_token_that_is_all_that_is_said(functions: flask.Flask) -> None:
    url = endpoint.live_address(live_draft(), LIVE, has_tokens=False)
    found = ask(through(functions, lambda request, answer: None), url)
    assert codes(found) == {"endpoint_without_token"}


def test_another_sender_is_refused(functions: flask.Flask) -> None:
    url = endpoint.live_address(live_draft(), LIVE, has_tokens=True)
    found = ask(through(functions, lambda request, answer: None), url, "somebody@else.example")
    assert {"endpoint_refuses", "endpoint_cors"} == codes(found)
    assert "may not read" in found[0].what


def test_it_asks_for_what_the_email_asks_for() -> None:
    draft = live_draft()
    url = endpoint.live_address(draft, "https://staging.shop.example", has_tokens=True)
    assert url.startswith("https://staging.shop.example/recommendations?t=")
    assert url.removeprefix("https://staging.shop.example") in draft.parts.amp.replace("&amp;", "&")


def test_nothing_is_changed_and_little_is_asked(functions: flask.Flask) -> None:
    asked: list[httpx.Request] = []
    ask(through(functions, lambda request, answer: asked.append(request)))
    assert {request.method for request in asked} == {"GET", "OPTIONS"}
    assert len(asked) == 7


def without(*names: str) -> Callable[[httpx.Request, httpx.Response], None]:
    def change(request: httpx.Request, answer: httpx.Response) -> None:
        for name in names:
            answer.headers.pop(name, None)

    return change


def on_errors(name: str) -> Callable[[httpx.Request, httpx.Response], None]:
    def change(request: httpx.Request, answer: httpx.Response) -> None:
        if answer.status_code == 401:
            answer.headers.pop(name, None)

    return change


def open_to_all(request: httpx.Request, answer: httpx.Response) -> None:
    if "AMP-Email-Sender" in request.headers:
        answer.headers["AMP-Email-Allow-Sender"] = request.headers["AMP-Email-Sender"]


def page(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
    return httpx.Response(answer.status_code, headers=answer.headers, content=b"<p>Welcome</p>")


def as_html(request: httpx.Request, answer: httpx.Response) -> None:
    answer.headers["Content-Type"] = "text/html"


def cached(request: httpx.Request, answer: httpx.Response) -> None:
    answer.headers["Cache-Control"] = "public, max-age=60"


def no_options(request: httpx.Request, answer: httpx.Response) -> httpx.Response | None:
    return httpx.Response(405) if request.method == "OPTIONS" else None


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (without("AMP-Email-Allow-Sender"), "endpoint_cors", "AMP-Email-Allow-Sender"),
        (without("Access-Control-Allow-Origin"), "endpoint_cors", "Access-Control-Allow-Origin"),
        (without("AMP-Access-Control-Allow-Source-Origin"), "endpoint_cors", "Source-Origin"),
        (without("Access-Control-Expose-Headers"), "endpoint_cors", "Expose-Headers"),
        (on_errors("AMP-Email-Allow-Sender"), "endpoint_cors", "an error (401)"),
        (no_options, "endpoint_cors", "OPTIONS"),
        (open_to_all, "endpoint_trusts_all", "version 2"),
        (page, "endpoint_not_json", "no JSON"),
        (as_html, "endpoint_not_json", "text/html"),
        (cached, "endpoint_cached", "max-age=60"),
    ],
)
def test_a_spoilt_answer_is_found(
    functions: flask.Flask,
    change: Callable[[httpx.Request, httpx.Response], object],
    code: str,
    told: str,
) -> None:
    url = endpoint.live_address(live_draft(), LIVE, has_tokens=True)
    found = ask(through(functions, change), url)
    assert codes(found) == {code}
    assert any(told in finding.what for finding in found)
    assert not any(url.partition("t=")[2] in finding.what for finding in found)


def test_a_redirect_is_found_and_not_followed() -> None:
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(301, headers={"Location": "https://www.shop.example/"})

    found = ask(handle)
    assert codes(found) == {"endpoint_redirects"}
    assert "www.shop.example" in found[0].what
    assert len(asked) == 1


def test_no_answer_is_found() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out")

    found = ask(handle)
    assert codes(found) == {"endpoint_unreachable"}
    assert "timed out" in found[0].what


def test_a_wrong_address_is_found() -> None:
    found = ask(lambda request: httpx.Response(404, text="not here"))
    assert {"endpoint_unreachable", "endpoint_not_json"} <= codes(found)


def test_slow_functions_are_found(functions: flask.Flask) -> None:
    times = iter(range(0, 1_000, 2))
    url = endpoint.live_address(live_draft(), LIVE, has_tokens=True)
    handler = through(functions, lambda request, answer: None)
    found = ask(handler, url, monotonic=lambda: float(next(times)))
    assert codes(found) == {"endpoint_slow"}


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 65_536

    ask(lambda request: httpx.Response(200, content=endless()))
    assert len(sent) < 200


def test_a_server_without_a_check_is_found() -> None:
    headers = {"Content-Type": "application/json", "AMP-Email-Allow-Sender": "*"}
    found = ask(lambda request: httpx.Response(200, json={"items": []}, headers=headers))
    assert "endpoint_trusts_all" in codes(found)
