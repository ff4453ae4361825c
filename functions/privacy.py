"""`POST`: what is stored of one person, or the end of it. For the shop's own servers, with a secret of
`EVERMAIL_PRIVACY_KEYS` as `Authorization: Bearer SECRET`; browsers of other origins get no answer to read.

    {"action": "export" | "erase", "user_id": "...", "client_id": "..."}

One of the two identifiers, or both, as the shop sends them in events. They are looked for under every
pseudonym key, and under the new names of former ones. Neither leads to the other. A browser may be shared, or
be said to be anybody's by who holds it, so `client_id` alone is about what stands under the browser's own
name; `other_user` then says whether it is known as the browser of a user who was not named. Who that is, is
not said: where the shop knows, and knows that it is the one who asks, it names the `user_id` as well. What a
user's browsers did became the user's, but to cut the tie itself, name the `client_id` too.

`export`
    200  all that is stored, readable (`evermail.privacy`), and "other_user"
    503  store_unavailable, with Retry-After
`erase`
    202  {"request_id", "erased_at", "deleted": {collection: documents}, "names": how many, "other_user"}
    503  erasure_incomplete, with Retry-After and {"done": {"documents": false, "events": true}, "deleted",
         "other_user"}: send it again, which does no harm
Either
    400  malformed_json, invalid_request, invalid_identifier, incomplete_body
    401  authorization_missing, authorization_invalid
    405  method_not_allowed
    413  oversize_payload
    415  unsupported_media_type
    429  too_many_requests, with Retry-After: without a valid secret

An erasure is complete when the job has taken in its `erase_user`, usually within seconds: only the job can
let go of what it remembers. The documents go at once (`evermail.erasure`), and once more when the job hears
of it, with whatever was on its way to the store in between. The archive goes by `evermail archive forget`,
which reads the same event. A suppression stays: who wanted no email is not written to afterwards either. Each
access is audited (`functions.audit`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

import flask
import msgspec

from evermail import clock, erasure, person
from evermail.events import EventName, Refusal
from evermail.events.checks import IDENTIFIERS, check_identifier
from evermail.person import Kind
from evermail.privacy import export
from evermail.pseudonyms import Pseudonymizer
from evermail.stores import Store
from functions import audit, bodies
from functions.audit import Outcome
from functions.callers import Callers
from functions.entry import Handler
from functions.logs import RequestLog
from functions.publisher import Message, Publisher
from functions.responses import Failure, check_method, json_response
from functions.settings import PrivacySettings

MAX_BODY_BYTES = 4 * 1024
RETRY_AFTER_S = 5
_RETRY = {"Retry-After": str(RETRY_AFTER_S)}


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["export", "erase"]
    user_id: str | None = None
    client_id: str | None = None

    @property
    def identifiers(self) -> dict[Kind, str]:
        given: dict[Kind, str | None] = {"user": self.user_id, "client": self.client_id}
        return {kind: identifier for kind, identifier in given.items() if identifier is not None}


def create_privacy(
    settings: PrivacySettings,
    store: Callable[[], Store],
    publisher: Publisher,
    *,
    clock: clock.Clock = clock.now_us,
) -> Handler:
    """The handler. `store` is called on each request that needs it, and first then."""
    return _Privacy(settings, store, publisher, clock)


class _Privacy:
    def __init__(
        self,
        settings: PrivacySettings,
        store: Callable[[], Store],
        publisher: Publisher,
        clock: clock.Clock,
    ) -> None:
        self._callers = Callers(settings.callers)
        self._pseudonyms = Pseudonymizer(settings.pseudonym_keys, list(settings.pseudonym_keys)[-1])
        self._store = store
        self._publisher = publisher
        self._clock = clock

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """No CORS headers: no page may read what is answered."""
        return {}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, ("POST",))
        try:
            caller = self._callers.of(request)
        except Failure as failure:
            if failure.status == 401:
                audit.record(caller=audit.NOBODY, request_id=log.request_id, outcome=Outcome.UNAUTHORIZED)
            raise
        try:
            asked = _read(bodies.read(request, ("application/json",), MAX_BODY_BYTES))
        except Failure:
            audit.record(caller=caller, request_id=log.request_id, outcome=Outcome.REFUSED)
            raise
        return _Access(self._pseudonyms, self._store, self._publisher, self._clock(), caller, asked, log)()


class _Access:
    """One caller's access to one person."""

    def __init__(
        self,
        pseudonyms: Pseudonymizer,
        store: Callable[[], Store],
        publisher: Publisher,
        now_us: int,
        caller: str,
        asked: _Asked,
        log: RequestLog,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._now_us = now_us
        self._caller = caller
        self._asked = asked
        self._log = log
        named = [person.names_of(pseudonyms, *identifier) for identifier in asked.identifiers.items()]
        self._asked_for = [name for names in named for name in names]
        self._subjects = [names[0] for names in named]
        self._names = self._asked_for
        self._other_user = False

    def __call__(self) -> flask.Response:
        log = self._log
        log.add(action=self._asked.action, caller=self._caller)
        outcome, counts = Outcome.FAILED, Counter[str]()
        try:
            act = {"export": self._export, "erase": self._erase}[self._asked.action]
            response = act(counts)
            outcome = Outcome.DONE
        except Failure:
            outcome = Outcome.INCOMPLETE
            raise
        finally:
            audit.record(
                caller=self._caller,
                request_id=log.request_id,
                outcome=outcome,
                action=self._asked.action,
                subjects=self._subjects,
                counts=counts,
            )
        return response

    def _export(self, counts: Counter[str]) -> flask.Response:
        try:
            store = self._store()
            self._follow(store)
            found = person.held(store, self._names)
        except Exception as error:
            self._log.add_exception(error)
            raise Failure(
                503, "store_unavailable", "what is stored cannot be read now", headers=_RETRY
            ) from None
        counts.update(document.COLLECTION for document in found.documents)
        answer = {"request_id": self._log.request_id, "other_user": self._other_user}
        response = json_response({**answer, **export(found, self._now_us)})
        disposition = f'attachment; filename="export-{self._log.request_id}.json"'
        response.headers["Content-Disposition"] = disposition
        return response

    def _erase(self, counts: Counter[str]) -> flask.Response:
        """The job is told first, and a name goes after those it leads to: whatever fails, all of them are
        found again when this is repeated."""
        store = self._found()
        events = self._publish()
        leads = len(self._names) > len(self._asked_for)
        documents = store is not None and (events or not leads) and self._erase_documents(store, counts)
        answer = {
            "request_id": self._log.request_id,
            "deleted": counts,
            "other_user": self._other_user,
        }
        if documents and events:
            erased_at = clock.to_rfc3339(self._now_us)
            return json_response({**answer, "erased_at": erased_at, "names": len(self._names)}, 202)
        answer["done"] = {"documents": documents, "events": events}
        self._log.add(done=answer["done"])
        message = "not all of it is confirmed: send it again"
        raise Failure(503, "erasure_incomplete", message, headers=_RETRY, details=answer)

    def _follow(self, store: Store) -> None:
        followed = person.followed(store, self._asked_for)
        self._names, self._other_user = followed.names, followed.has_other_user

    def _found(self) -> Store | None:
        """The store, once it has said under which names the person is known."""
        try:
            store = self._store()
            self._follow(store)
        except Exception as error:
            self._log.add_exception(error)
            return None
        return store

    def _erase_documents(self, store: Store, counts: Counter[str]) -> bool:
        try:
            for name in reversed(self._names):
                # A second before the event: so the job, to which the event is news then, looks once more for
                # what has to go, also where it goes by what the store says.
                erased_at = self._now_us - clock.SECOND
                counts.update(erasure.erase(store, name.pseudonym, erased_at, self._now_us))
        except Exception as error:
            self._log.add_exception(error)
            return False
        return True

    def _publish(self) -> bool:
        try:
            return all(self._publisher.publish(self._messages()))
        except Exception as error:
            self._log.add_exception(error)
            return False

    def _messages(self) -> list[Message]:
        """The identifiers as they are, as in any event: the job makes the pseudonyms, under the keys that it
        has. And the names that profiles led to, whose identifiers are not known here."""
        said = {f"{kind}_id": identifier for kind, identifier in self._asked.identifiers.items()}
        others = [name for name in self._names if name not in self._asked_for]
        return [
            self._message(said, "", False),
            *(
                self._message({f"{name.kind}_id": name.pseudonym}, f"-{number}", True)
                for number, name in enumerate(others, start=1)
            ),
        ]

    def _message(self, shopper: dict[str, str], suffix: str, pseudonymized: bool) -> Message:
        moment = clock.to_rfc3339(self._now_us)
        event_id = f"{EventName.ERASE_USER}-{self._log.request_id}{suffix}"
        event = {
            "event_id": event_id,
            "event_name": EventName.ERASE_USER,
            "event_time": moment,
            **shopper,
            "source": "privacy",
        }
        return Message(
            msgspec.json.encode(event),
            event_id,
            moment,
            pseudonymized=pseudonymized,
            traceparent=self._log.traceparent,
        )


def _read(body: bytes) -> _Asked:
    """Raises `Failure`, which quotes nothing of the body."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except msgspec.ValidationError:
        raise _unusable() from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Failure(400, "malformed_json", "the body is not JSON") from None
    if not asked.identifiers:
        raise _unusable()
    for kind, identifier in asked.identifiers.items():
        try:
            check_identifier(f"{kind}_id", identifier, IDENTIFIERS[f"{kind}_id"])
        except Refusal as refusal:
            raise Failure(400, "invalid_identifier", refusal.message) from None
    return asked


def _unusable() -> Failure:
    return Failure(
        400,
        "invalid_request",
        "give action, export or erase, and user_id, client_id or both, and nothing else",
    )
