"""Export and erasure of one person: for who may, of all that is stored, audited, and named to nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import flask
import msgspec
import pytest

from evermail import clock, person
from evermail.documents import PERSONAL, Erasure, Exposure, Exposures, Profile
from evermail.events import EventName, parse_or_refuse
from evermail.links import Link
from evermail.profiles import to_profile
from evermail.pseudonyms import Pseudonymizer
from evermail.shopper import ShopperState
from evermail.stores import Store, StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from functions import callers
from functions.entry import endpoint
from functions.privacy import MAX_BODY_BYTES, create_privacy
from functions.publisher import Message, Publisher
from functions.settings import PrivacySettings
from tests.functions import fakes
from tests.functions.fakes import DownStore, FakePublisher, body_of, error_code, get, post

USER, COOKIE = "anna@private.example", "cookie-of-anna"
CRM, DESK = "a-secret-of-the-crm", "a-secret-of-the-desk"
KEYS = {"k1": "a-former-secret-of-pseudonyms", "k2": "the-current-secret-of-pseudonyms"}
SETTINGS = PrivacySettings(
    store_url="sqlite:///unused",
    topic="projects/p/topics/events",
    callers={"crm": CRM, "desk": DESK},
    pseudonym_keys=KEYS,
)
PSEUDONYMS = Pseudonymizer(KEYS, "k2")
ANNA = PSEUDONYMS.pseudonym("user", USER)
FORMER = PSEUDONYMS.pseudonym("user", USER, key_id="k1")
BROWSER = PSEUDONYMS.pseudonym("client", COOKIE)
NEWER = "k3.AAAAAAAAAAAAAAAAAAAAAA"
"""A name under a key that the function does not have yet."""
BEFORE = fakes.NOW_US - clock.HOUR


class Privacy:
    """The endpoint, with what it stands on."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self.store = store
        self.publisher = publisher
        handler = create_privacy(SETTINGS, lambda: store, publisher, clock=fakes.now)
        self._respond = endpoint("privacy", lambda: handler)

    def __call__(
        self,
        asked: Mapping[str, Any] | bytes,
        *,
        secret: str | None = CRM,
        content_type: str | None = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> flask.Response:
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        authorization = {"Authorization": f"Bearer {secret}"} if secret else {}
        return self._respond(post(body, content_type, {**authorization, **(headers or {})}))


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "store.sqlite3", clock=fakes.now)


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def privacy(store: SqliteStore, publisher: FakePublisher) -> Privacy:
    return Privacy(store, publisher)


def profile(name: str, **fields: Any) -> Profile:
    state = ShopperState(events=1, as_of=BEFORE, version=BEFORE)
    return msgspec.structs.replace(to_profile(state, name, BEFORE), memory=b"", **fields)


def exposures(name: str) -> Exposures:
    return Exposures(
        id=name, version=1, updated_at=BEFORE, campaigns=(Exposure("spring", BEFORE, ("SKU1",)),)
    )


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# Who may


@pytest.mark.parametrize("secret", [CRM, DESK])
def test_a_secret_is_needed(privacy: Privacy, secret: str) -> None:
    assert privacy({"action": "export", "user_id": USER}, secret=secret).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "authorization_missing"),
        ("", "authorization_missing"),
        ("Bearer", "authorization_missing"),
        ("Basic YTpi", "authorization_missing"),
        (f"Basic {CRM}", "authorization_missing"),
        ("Bearer wrong", "authorization_invalid"),
        (f"Bearer {CRM}x", "authorization_invalid"),
        (f"Bearer {CRM[:-1]}", "authorization_invalid"),
        (f"Bearer {CRM},{DESK}", "authorization_invalid"),
        ("Bearer \xff\xfe", "authorization_invalid"),
    ],
)
def test_nobody_else_learns_or_does_anything(
    privacy: Privacy, store: SqliteStore, publisher: FakePublisher, authorization: str | None, code: str
) -> None:
    store.put_many([profile(ANNA)])
    headers = {"Authorization": authorization} if authorization is not None else {}
    for action in ("export", "erase"):
        response = privacy({"action": action, "user_id": USER}, secret=None, headers=headers)
        assert (response.status_code, error_code(response)) == (401, code)
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert list(store.scan(Profile.COLLECTION))
    assert publisher.published == []


def test_who_may_not_is_told_nothing_of_what_is_wrong_with_the_body(privacy: Privacy) -> None:
    assert privacy(b"x" * 10_000, secret="wrong", content_type="text/plain").status_code == 401


def test_guesses_are_held_up_and_who_knows_the_secret_is_not(
    privacy: Privacy, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"action": "export", "user_id": USER}
    statuses = [privacy(asked, secret="wrong").status_code for _ in range(callers.FAILURES_PER_MINUTE + 5)]
    assert statuses[: callers.FAILURES_PER_MINUTE] == [401] * callers.FAILURES_PER_MINUTE
    assert set(statuses[callers.FAILURES_PER_MINUTE :]) == {429}
    audited = [line for line in lines(capsys) if line.get("audit")]
    assert len(audited) == callers.FAILURES_PER_MINUTE, "nobody floods the audit log"
    refused = privacy(asked, secret="wrong")
    assert int(refused.headers["Retry-After"]) >= 1
    assert privacy(asked).status_code == 200


def test_no_page_may_ask(privacy: Privacy) -> None:
    response = privacy({"action": "export", "user_id": USER}, headers={"Origin": fakes.SHOP})
    assert not [name for name in dict(response.headers) if name.startswith("Access-Control")]
    handler = create_privacy(SETTINGS, DownStore, FakePublisher())
    preflight = endpoint("privacy", lambda: handler)(get({}, {"Origin": fakes.SHOP}, "OPTIONS"))
    assert (preflight.status_code, preflight.headers["Allow"]) == (405, "POST")


# What can be asked


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"\xff", "malformed_json"),
        (b"[" * 2000, "invalid_request"),
        (b"[]", "invalid_request"),
        (b"{}", "invalid_request"),
        (b'{"action": "export"}', "invalid_request"),
        (b'{"user_id": "a"}', "invalid_request"),
        (b'{"action": "forget", "user_id": "a"}', "invalid_request"),
        (b'{"action": "erase", "user_id": null}', "invalid_request"),
        (b'{"action": "erase", "user_id": 7}', "invalid_request"),
        (b'{"action": "erase", "user_id": "a", "email": "a"}', "invalid_request"),
        (b'{"action": "erase", "user_id": ""}', "invalid_identifier"),
        (b'{"action": "erase", "user_id": " a"}', "invalid_identifier"),
        (b'{"action": "erase", "client_id": "a\\u0000"}', "invalid_identifier"),
        (b'{"action": "erase", "user_id": "' + b"a" * 257 + b'"}', "invalid_identifier"),
    ],
)
def test_anything_else_is_refused(
    privacy: Privacy, publisher: FakePublisher, capsys: pytest.CaptureFixture[str], body: bytes, code: str
) -> None:
    response = privacy(body)
    assert (response.status_code, error_code(response)) == (400, code)
    assert publisher.published == []
    [audited] = [line for line in lines(capsys) if line.get("audit")]
    assert (audited["caller"], audited["outcome"]) == ("crm", "refused")


def test_only_small_json_is_read(privacy: Privacy) -> None:
    asked = {"action": "export", "user_id": USER}
    assert error_code(privacy(asked, content_type="text/plain")) == "unsupported_media_type"
    assert error_code(privacy(asked, content_type=None)) == "unsupported_media_type"
    assert error_code(privacy(asked, headers={"Content-Encoding": "gzip"})) == "unsupported_media_type"
    assert error_code(privacy(b" " * (MAX_BODY_BYTES + 1))) == "oversize_payload"
    padded = json.dumps(asked).encode().ljust(MAX_BODY_BYTES)
    assert privacy(padded).status_code == 200


# Export


def test_hands_out_what_is_stored_under_every_name(privacy: Privacy, store: SqliteStore) -> None:
    store.put_many([profile(FORMER, moved_to=ANNA), profile(ANNA), exposures(ANNA), exposures(FORMER)])
    response = privacy({"action": "export", "user_id": USER})
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    assert response.headers["Cache-Control"] == "private, no-store"
    told = body_of(response)
    assert told["request_id"] == response.headers["X-Request-Id"]
    assert [one["pseudonym"] for one in told["looked_under"]] == [ANNA, FORMER]
    held = {(entry["collection"], entry["id"]) for entry in told["held"]}
    assert held == {("profiles", ANNA), ("profiles", FORMER), ("exposures", ANNA), ("exposures", FORMER)}


def linked(*users: str) -> Profile:
    links = [Link(BEFORE + number, number, user) for number, user in enumerate(users)]
    return to_profile(ShopperState(version=BEFORE, links=links), BROWSER, BEFORE)


@pytest.mark.parametrize("action", ["export", "erase"])
def test_a_browser_alone_reaches_nothing_of_the_user_it_is_known_as(
    privacy: Privacy, store: SqliteStore, publisher: FakePublisher, action: str
) -> None:
    """Whoever holds a browser can have it say that it is anybody's, and others may use it too."""
    of_anna = [profile(ANNA), exposures(ANNA)]
    store.put_many([linked(ANNA), exposures(BROWSER), *of_anna])
    response = privacy({"action": action, "client_id": COOKIE})
    told = body_of(response)
    assert told["other_user"] is True, "so that the shop knows to ask"
    assert ANNA not in response.get_data(as_text=True)
    kept = store.get_many([one.key for one in of_anna])
    assert list(kept.values()) == of_anna
    if action == "export":
        found = {(entry["collection"], entry["id"]) for entry in told["held"]}
        assert found == {("profiles", BROWSER), ("exposures", BROWSER)}
    else:
        assert told["deleted"] == {"profiles": 1, "exposures": 1}
        assert [json.loads(one.data).get("user_id") for one in publisher.published] == [None]


def test_with_the_user_named_as_well_there_is_no_other(privacy: Privacy, store: SqliteStore) -> None:
    store.put_many([linked(ANNA), exposures(ANNA)])
    told = body_of(privacy({"action": "export", "user_id": USER, "client_id": COOKIE}))
    assert told["other_user"] is False
    held = {(entry["collection"], entry["id"]) for entry in told["held"]}
    assert held == {("profiles", BROWSER), ("exposures", ANNA)}


def test_a_browser_that_was_somebody_elses_too_is_said_to_be(privacy: Privacy, store: SqliteStore) -> None:
    store.put_many([linked("k2.BBBBBBBBBBBBBBBBBBBBBB", ANNA)])
    told = body_of(privacy({"action": "export", "user_id": USER, "client_id": COOKIE}))
    assert told["other_user"] is True
    assert "k2.BBBBBBBBBBBBBBBBBBBBBB" not in json.dumps(told)


def test_who_is_unknown_has_nothing_stored(privacy: Privacy) -> None:
    told = body_of(privacy({"action": "export", "user_id": USER, "client_id": COOKIE}))
    assert told["held"] == []
    assert len(told["looked_under"]) == 4


def test_an_export_changes_nothing(privacy: Privacy, store: SqliteStore, publisher: FakePublisher) -> None:
    store.put_many([profile(ANNA)])
    privacy({"action": "export", "user_id": USER})
    assert [one.id for one in store.scan(Profile.COLLECTION)] == [ANNA]
    assert publisher.published == []


def test_no_export_without_the_store(publisher: FakePublisher) -> None:
    response = Privacy(DownStore(), publisher)({"action": "export", "user_id": USER})
    assert (response.status_code, error_code(response)) == (503, "store_unavailable")
    assert response.headers["Retry-After"]


# Erasure


def test_erases_under_every_name_and_tells_the_job(
    privacy: Privacy, store: SqliteStore, publisher: FakePublisher
) -> None:
    store.put_many([profile(FORMER), profile(ANNA), exposures(ANNA), exposures("k2.BBBBBBBBBBBBBBBBBBBBBB")])
    response = privacy({"action": "erase", "user_id": USER})
    assert response.status_code == 202
    told = body_of(response)
    assert told["deleted"] == {"profiles": 2, "exposures": 1}
    assert told["names"] == 2
    left = [one.id for kind in PERSONAL for one in store.scan(kind.COLLECTION)]
    assert left == ["k2.BBBBBBBBBBBBBBBBBBBBBB"]
    assert {one.id for one in store.scan(Erasure.COLLECTION)} == {ANNA, FORMER}

    [message] = publisher.published
    event = parse_or_refuse(message.data, fakes.NOW_US + clock.SECOND)
    assert (event.event_name, event.user_id, event.client_id) == (EventName.ERASE_USER, USER, None)
    assert not message.pseudonymized
    assert event.event_id == message.event_id


def test_the_job_looks_once_more_for_what_was_on_its_way(
    privacy: Privacy, store: SqliteStore, publisher: FakePublisher
) -> None:
    privacy({"action": "erase", "user_id": USER})
    [message] = publisher.published
    event = parse_or_refuse(message.data, fakes.NOW_US + clock.SECOND)
    for erased in store.scan(Erasure.COLLECTION):
        assert isinstance(erased, Erasure)
        assert erased.erased_at // clock.SECOND == event.event_time // clock.SECOND - 1


def test_names_that_profiles_led_to_are_published_as_pseudonyms(
    privacy: Privacy, store: SqliteStore, publisher: FakePublisher
) -> None:
    store.put_many([profile(ANNA, moved_to=NEWER), exposures(NEWER)])
    assert privacy({"action": "erase", "user_id": USER}).status_code == 202
    said, led_to = publisher.published
    assert json.loads(said.data)["user_id"] == USER
    assert not said.pseudonymized
    assert json.loads(led_to.data)["user_id"] == NEWER
    assert led_to.pseudonymized
    assert said.event_id != led_to.event_id


def test_a_user_and_a_browser_are_one_event(privacy: Privacy, publisher: FakePublisher) -> None:
    privacy({"action": "erase", "user_id": USER, "client_id": COOKIE})
    [message] = publisher.published
    event = json.loads(message.data)
    assert (event["user_id"], event["client_id"]) == (USER, COOKIE)


def test_it_may_be_asked_for_again(privacy: Privacy, store: SqliteStore, publisher: FakePublisher) -> None:
    store.put_many([profile(ANNA)])
    first = body_of(privacy({"action": "erase", "user_id": USER}))
    second = body_of(privacy({"action": "erase", "user_id": USER}))
    assert (first["deleted"], second["deleted"]) == ({"profiles": 1}, {})
    assert len({message.event_id for message in publisher.published}) == 2


def test_what_is_not_confirmed_is_said_and_the_other_part_done(store: SqliteStore) -> None:
    store.put_many([profile(ANNA)])
    response = Privacy(store, FakePublisher(lambda message: False))({"action": "erase", "user_id": USER})
    told = body_of(response)
    assert (response.status_code, told["error"]["code"]) == (503, "erasure_incomplete")
    assert told["done"] == {"documents": True, "events": False}
    assert told["deleted"] == {"profiles": 1}
    assert response.headers["Retry-After"]
    assert list(store.scan(Profile.COLLECTION)) == []


def test_the_job_is_told_while_the_store_is_down(publisher: FakePublisher) -> None:
    response = Privacy(DownStore(), publisher)({"action": "erase", "user_id": USER})
    told = body_of(response)
    assert (response.status_code, told["done"]) == (503, {"documents": False, "events": True})
    assert len(publisher.published) == 1


class NoPublisher:
    def publish(self, *_: object, **__: object) -> list[bool]:
        raise RuntimeError(f"no credentials for {USER}")


def test_nothing_at_all_works(capsys: pytest.CaptureFixture[str]) -> None:
    response = Privacy(DownStore(), NoPublisher())({"action": "erase", "user_id": USER})
    assert body_of(response)["done"] == {"documents": False, "events": False}
    assert USER not in capsys.readouterr().out


class FailsOnce(SqliteStore):
    """The call of this number fails, before anything is done or after."""

    def __init__(self, path: Path, failing: int, after: bool) -> None:
        super().__init__(path, clock=fakes.now)
        self.calls, self.failing, self.after = 0, 0, after
        self._at = failing

    def begin(self) -> None:
        self.calls, self.failing = 0, self._at

    def _do(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        fails = self.calls == self.failing
        if fails and not self.after:
            raise StoreUnavailable("a fault for the test")
        done = call()
        if fails:
            raise StoreUnavailable("a fault for the test, once it was done")
        return done

    def get_many(self, *of: Any, **options: Any) -> Any:
        return self._do(lambda: SqliteStore.get_many(self, *of, **options))

    def put_many(self, documents: Any) -> Any:
        return self._do(lambda: SqliteStore.put_many(self, documents))

    def delete_many(self, keys: Any) -> None:
        self._do(lambda: SqliteStore.delete_many(self, keys))

    def about(self, shopper: str) -> Any:
        return self._do(lambda: SqliteStore.about(self, shopper))


@pytest.mark.parametrize("topic_fails", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("failing", range(1, 40))
def test_whatever_fails_repeating_it_until_it_is_confirmed_leaves_nothing(
    tmp_path: Path, failing: int, after: bool, topic_fails: bool
) -> None:
    """The profile that leads on has lost its memory, so that an erasure of it takes the new name away."""
    store = FailsOnce(tmp_path / "failing.sqlite3", failing, after)
    store.put_many([profile(ANNA, moved_to=NEWER), exposures(ANNA), profile(NEWER), exposures(NEWER)])
    store.begin()
    told: list[str] = []

    def confirm(message: Message) -> bool:
        attempts.setdefault(message.event_id, 0)
        confirmed = not (topic_fails and len(attempts) <= 2)
        if confirmed:
            told.append(json.loads(message.data)["user_id"])
        return confirmed

    attempts: dict[str, int] = {}
    privacy = Privacy(store, FakePublisher(confirm))
    statuses = []
    while 202 not in statuses:
        statuses.append(privacy({"action": "erase", "user_id": USER}).status_code)
        assert len(statuses) < 5
    assert [one.id for kind in PERSONAL for one in store.scan(kind.COLLECTION)] == []
    assert {one.id for one in store.scan(Erasure.COLLECTION)} == {ANNA, FORMER, NEWER}
    assert {USER, NEWER} <= set(told)


def test_the_trace_of_the_request_goes_along(
    privacy: Privacy, store: SqliteStore, publisher: FakePublisher
) -> None:
    store.put_many([profile(ANNA, moved_to=NEWER)])
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    privacy({"action": "erase", "user_id": USER}, headers={"traceparent": trace})
    assert [message.traceparent for message in publisher.published] == [trace, trace]


# The audit log


@pytest.mark.parametrize("action", ["export", "erase"])
def test_each_access_is_audited(
    privacy: Privacy, store: SqliteStore, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    store.put_many([profile(ANNA), exposures(ANNA)])
    response = privacy({"action": action, "user_id": USER}, secret=DESK)
    [audited] = [line for line in lines(capsys) if line.get("audit")]
    assert (audited["caller"], audited["action"], audited["outcome"]) == ("desk", action, "done")
    assert audited["request_id"] == response.headers["X-Request-Id"]
    assert audited["documents"] == {"profiles": 1, "exposures": 1}
    assert len(audited["subjects"]) == 1


def test_a_person_is_found_in_it_by_the_identifier_and_the_keys(
    privacy: Privacy, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked in ({"user_id": USER}, {"user_id": USER, "client_id": COOKIE}, {"user_id": "other"}):
        privacy({"action": "export", **asked})
    first, both, other = [line["subjects"] for line in lines(capsys) if line.get("audit")]
    assert first[0] == both[0] != other[0]
    assert len(both) == 2


def test_what_failed_is_audited_too(capsys: pytest.CaptureFixture[str]) -> None:
    Privacy(DownStore(), FakePublisher())({"action": "erase", "user_id": USER})
    Privacy(DownStore(), FakePublisher())({"action": "export", "user_id": USER}, secret="wrong")
    failed, unknown = [line for line in lines(capsys) if line.get("audit")]
    assert (failed["outcome"], failed["severity"]) == ("incomplete", "WARNING")
    assert (unknown["caller"], unknown["outcome"], unknown["subjects"]) == ("", "unauthorized", [])


def test_neither_identifiers_nor_pseudonyms_nor_secrets_are_in_any_log(
    store: SqliteStore,
    publisher: FakePublisher,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.put_many([profile(BROWSER, moved_to=ANNA), exposures(ANNA)])
    privacies = [Privacy(store, publisher), Privacy(DownStore(), NoPublisher())]
    for privacy in privacies:
        for action in ("export", "erase", USER):
            for asked in ({"user_id": USER}, {"client_id": COOKIE}, {USER: USER}):
                privacy({"action": action, **asked})
        privacy({"action": "export", "user_id": USER}, secret=f"{CRM}-nearly")
    logged = capsys.readouterr().out + caplog.text
    assert logged.count('"audit":true') == 2 * 10
    for told in (USER, "private.example", COOKIE, ANNA, FORMER, BROWSER, CRM, DESK, *KEYS.values()):
        assert told not in logged


def test_no_answer_to_who_may_not_names_anybody(privacy: Privacy, store: SqliteStore) -> None:
    store.put_many([profile(ANNA)])
    response = privacy({"action": "export", "user_id": USER}, secret=f"{CRM}-nearly")
    answer = response.get_data(as_text=True) + str(response.headers)
    for told in (USER, ANNA, CRM, "crm"):
        assert told not in answer


def test_settings_show_no_secret() -> None:
    shown = repr(SETTINGS)
    assert CRM not in shown
    assert KEYS["k2"] not in shown


def test_names_are_those_of_the_job() -> None:
    assert person.names_of(PSEUDONYMS, "client", COOKIE)[0].pseudonym == BROWSER
