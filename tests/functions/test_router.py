"""All endpoints in one: by path, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import flask.testing
import pytest

from functions import main
from tests.functions.all_in_one import Topic, served
from tests.functions.fakes import SENDER


@pytest.fixture
def client(tmp_path: Path) -> Iterator[flask.testing.FlaskClient]:
    with served(tmp_path) as app:
        yield app.test_client()


@pytest.mark.parametrize("path", sorted(main.PATHS))
def test_leads_to_each_endpoint(client: flask.testing.FlaskClient, path: str) -> None:
    response = client.get(f"/{path}")
    assert response.status_code != 404
    assert client.get(f"/{path}/").status_code == response.status_code


@pytest.mark.parametrize("path", sorted(main.PATHS))
@pytest.mark.parametrize("method", ["DELETE", "PUT", "TRACE"])
def test_no_endpoint_has_other_methods(client: flask.testing.FlaskClient, path: str, method: str) -> None:
    response = client.open(f"/{path}", method=method, headers={"AMP-Email-Sender": SENDER})
    assert response.status_code == 405
    assert response.headers["Allow"]
    assert response.json is not None
    assert response.json["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/", "/nothing", "/healthz/more", "/Healthz", "/static/x", "/main.py"])
def test_anything_else_is_not_there(client: flask.testing.FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json is not None
    assert response.json["error"]["code"] == "not_found"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_what_was_not_found_is_not_in_the_log(
    client: flask.testing.FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.get("/anna@private.example")
    assert "private" not in capsys.readouterr().out


def test_segments_libraries_find_their_paths_under_collect(tmp_path: Path) -> None:
    """Their host is the address of `collect`, their write key a secret of EVERMAIL_COLLECT_KEYS."""
    topic, key = Topic(), "a-write-key-of-segments"
    call = {
        "event": "Product Viewed",
        "anonymousId": "a-1",
        "messageId": "m1",
        "properties": {"product_id": "SKU1"},
    }
    batch = {"batch": [{**call, "type": "track", "messageId": "m2"}], "writeKey": key}
    with served(tmp_path, topic, EVERMAIL_COLLECT_KEYS=f"crm:{key}") as app:
        client = app.test_client()
        for path, body in (("track", call), ("batch", batch)):
            assert client.post(f"/collect/v1/{path}", json=body).status_code == 401
            assert client.post(f"/collect/v1/{path}", json=body, auth=(key, "")).status_code == 202
        page = client.post("/collect/v1/page", json={"type": "page", "userId": "u-1"}, auth=(key, ""))
        assert page.json is not None
        assert (page.status_code, page.json["error"]["code"]) == (400, "unknown_event_name")
    assert [message.event_id for message in topic.published] == ["m1", "m2"]


def test_one_endpoint_that_is_not_configured_spares_the_others(tmp_path: Path) -> None:
    with served(tmp_path, EVERMAIL_PRIVACY_KEYS="") as app:
        assert app.test_client().post("/privacy").status_code == 500
        assert app.test_client().get("/readyz").status_code == 200
