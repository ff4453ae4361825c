"""The functions as they are really served: by the framework, in a process of their own, as deployed."""

from __future__ import annotations

import http.client
import importlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import flask.testing
import functions_framework
import pytest

import functions
from demo.processes import HOST, Child, free_port
from evermail import clock
from evermail.documents import Exposures, Key, Neighbor, Product, Profile, Seen, Trending
from evermail.stores import open_store
from evermail.tokens import TokenSigner
from tests.functions import fakes
from tests.functions.fakes import EVENT, KEY, RECIPIENT, SENDER, V2

ROOT = Path(functions.__file__).parents[1]
SOURCE = ROOT / "functions" / "main.py"


def live_token() -> str:
    return TokenSigner([KEY]).sign(RECIPIENT, purpose="recommendations")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings of both functions; the store holds two products, one of them seen by the recipient."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    now_us = clock.now_us()
    with closing(open_store(url)) as store:
        store.put_many(
            [
                *(
                    Product(
                        id=item_id,
                        version=1,
                        updated_at=now_us,
                        title=f"Kettle {item_id}",
                        url=f"https://shop.example/{item_id}",
                        image_url=f"https://shop.example/{item_id}.jpg",
                        price=19.9,
                        currency="EUR",
                    )
                    for item_id in ("SKU1", "SKU2")
                ),
                Trending(
                    id="global",
                    version=1,
                    updated_at=now_us,
                    as_of=now_us,
                    items=[Neighbor("SKU1", 3.0), Neighbor("SKU2", 2.0)],
                ),
                Profile(
                    id=RECIPIENT.shopper,
                    version=1,
                    updated_at=now_us,
                    as_of=now_us,
                    events=1,
                    history=[Seen("SKU1", now_us, "view_item")],
                ),
            ]
        )
    return {
        "EVERMAIL_STORE": url,
        "EVERMAIL_TOKEN_KEYS": KEY,
        "EVERMAIL_SENDERS": SENDER,
        "EVERMAIL_EVENTS_TOPIC": "projects/p/topics/events",
    }


@contextmanager
def served(target: str, source: Path, environment: Mapping[str, str], cwd: Path) -> Iterator[int]:
    """The port of a function that runs in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", target, "--source", str(source)]
    command += ["--host", HOST, "--port", str(port)]

    def answers() -> bool:
        try:
            return ask(port, "/", "HEAD")[0] > 0
        except OSError:
            return False

    with Child(target, command, env=environment, cwd=cwd) as child:
        child.wait_until(answers, timeout_s=60)
        yield port


def ask(
    port: int, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = V2
) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection(HOST, port, timeout=30)) as connection:
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def test_serves_an_opened_email_from_a_process(environment: dict[str, str]) -> None:
    with served("recommendations", SOURCE, environment, ROOT) as port:
        headers, items, exposures = _opened(port, environment["EVERMAIL_STORE"])
        assert headers["Content-Type"].startswith("application/json")
        assert headers["AMP-Email-Allow-Sender"] == SENDER
        assert {item["item_id"] for item in items} <= {"SKU1", "SKU2"}
        assert items[0]["url"].startswith("https://shop.example/SKU")
        shown = tuple(item["item_id"] for item in items)
        [remembered] = exposures.campaigns
        assert (remembered.campaign, remembered.item_ids) == (RECIPIENT.campaign, shown)

        assert ask(port, f"//?t={quote(live_token())}")[0] == 200, "a redirect, which Gmail fails on?"

        status, headers, body = ask(port, "/?t=forged")
        assert (status, json.loads(body)["error"]["code"]) == (401, "token_invalid")

        status, headers, body = ask(port, "/", "POST", b"x" * 1_000_000)
        assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")

        status, headers, body = ask(port, f"/?t={quote(live_token())}", "HEAD")
        assert (status, body) == (200, b"")


def _opened(port: int, url: str) -> tuple[dict[str, str], list[dict[str, str]], Exposures]:
    """Opens the email until what it shows is in the store. The first answer need not be: on a busy machine,
    the store is neither read nor written within an email's time."""
    key = Key(Exposures.COLLECTION, RECIPIENT.shopper)
    until = time.monotonic() + 30
    with closing(open_store(url)) as store:
        while time.monotonic() < until:
            status, headers, body = ask(port, f"/?t={quote(live_token())}&n=2")
            assert status == 200, body
            if isinstance(found := store.get_many([key]).get(key), Exposures):
                return headers, json.loads(body)["items"], found
            time.sleep(0.5)
    raise AssertionError("what was shown was not remembered")


def test_serves_from_the_layout_that_is_deployed(environment: dict[str, str], tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    no_caches = shutil.ignore_patterns("__pycache__")
    for package in ("functions", "evermail"):
        shutil.copytree(ROOT / package, archive / package, ignore=no_caches)
    shutil.copy(SOURCE, archive / "main.py")
    with served("recommendations", archive / "main.py", environment, archive) as port:
        assert ask(port, f"/?t={quote(live_token())}")[0] == 200


def test_collect_stays_alive_while_pubsub_is_down(environment: dict[str, str]) -> None:
    environment["PUBSUB_EMULATOR_HOST"] = f"{HOST}:{free_port()}"
    event = {**EVENT, "event_time": clock.to_rfc3339(clock.now_us())}
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    with served("collect", SOURCE, environment, ROOT) as port:
        status, answered, body = ask(port, "/", "POST", json.dumps(event).encode(), headers)
        assert (status, json.loads(body)["error"]["code"]) == (503, "publish_failed")
        assert answered["Retry-After"]
        status, _, body = ask(port, "/", "POST", b"{", headers)
        assert (status, json.loads(body)["error"]["code"]) == (400, "malformed_json")
        assert ask(port, "/", "POST", b"x" * 2_000_000, headers)[0] == 413
        status, _, body = ask(port, "/v1/batch", "POST", b'{"batch": [7]}', headers)
        assert (status, json.loads(body)["error"]["code"]) == (400, "all_events_rejected")


# Inside the framework's application, without a process


@pytest.fixture
def client(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[flask.testing.FlaskClient]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", list(sys.path))
    app: flask.Flask = functions_framework.create_app("recommendations", str(SOURCE))  # type: ignore[no-untyped-call]
    yield app.test_client()
    sys.modules.pop("main", None)


def test_answers_under_the_framework(client: flask.testing.FlaskClient) -> None:
    response = client.get("/", query_string={"t": live_token()}, headers=V2)
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["source"] in ("personal", "trending")
    assert client.get("/", headers=V2).status_code == 400
    assert client.get("/").status_code == 400
    assert client.options("/", headers=V2).status_code == 204
    assert client.head("/", query_string={"t": live_token()}, headers=V2).data == b""


@pytest.mark.parametrize("path", ["//", "/a//b", "/recommendations/", "/recommendations", "/.", "///x"])
def test_no_path_is_redirected(client: flask.testing.FlaskClient, path: str) -> None:
    # The test client would take the beginning of "//x" for a host.
    as_sent = {"PATH_INFO": path, "REQUEST_URI": path}
    response = client.get("/", query_string={"t": live_token()}, headers=V2, environ_overrides=as_sent)
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/robots.txt", "/favicon.ico", "/static/x"])
def test_what_the_framework_refuses_is_json_too(client: flask.testing.FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json == {"error": {"code": "not_found", "message": "Not Found"}}


def test_missing_settings_are_a_coded_error(
    client: flask.testing.FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERMAIL_TOKEN_KEYS")
    response = client.get("/", headers=V2)
    assert response.status_code == 500
    assert response.json is not None
    assert response.json["error"]["code"] == "not_configured"


def test_has_both_entry_points_as_a_package_too() -> None:
    main = importlib.import_module("functions.main")
    assert callable(main.recommendations)
    assert callable(main.collect)


# What a cold start loads

HEAVY = (
    "apache_beam",
    "google.cloud.pubsub",
    "google.cloud.firestore",
    "grpc",
    "pipeline",
    "demo",
    "jinja2.sandbox",
)


def loaded_by(code: str) -> set[str]:
    """Those of the heavy modules that a fresh interpreter has after running `code`."""
    probe = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_a_cold_start_loads_neither_beam_nor_pubsub_nor_firestore() -> None:
    assert loaded_by("import functions.main") == set()


def test_an_answer_needs_no_beam_either(environment: dict[str, str]) -> None:
    code = f"""
import os
os.environ.update({environment!r})
from functions_framework import create_app
answer = create_app("recommendations", "functions/main.py").test_client().get(
    "/?t={live_token()}", headers={fakes.V2!r})
assert answer.status_code == 200, answer.data
"""
    assert loaded_by(code) == set()
