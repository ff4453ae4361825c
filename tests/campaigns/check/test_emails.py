"""What `evermail campaign build` wrote is merged as the service would, and looked over."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest

from evermail.campaigns.check import Finding
from evermail.campaigns.check.checkup import Circumstances, SenderUnknown, look_over
from evermail.campaigns.check.emails import MOST_MESSAGES, NothingToCheck, emails
from evermail.campaigns.dialects import DIALECTS
from tests.campaigns.check.built_folder import SENDER, for_all, message, messages
from tests.campaigns.check.good_email import BRAND, KEYS, LIVE, NOW_US, Passing, codes, good

MERGING = [name for name, dialect in DIALECTS.items() if not dialect.needs_rendering_per_recipient]


def looked_over(
    path: Path, service: str = "", keys: tuple[str, ...] = KEYS, **changes: object
) -> list[Finding]:
    given = {"send_at_us": NOW_US, "brand": BRAND, "token_keys": keys, "validator": Passing()}
    circumstances = Circumstances(**given | changes)  # type: ignore[arg-type]
    found = emails(path, service=service, token_keys=keys, send_at_us=NOW_US)
    return look_over(found, circumstances, httpx.Client)


@pytest.mark.parametrize("keys", [KEYS, ()])
@pytest.mark.parametrize("service", MERGING)
def test_a_good_email_in_any_language_gives_no_finding(
    tmp_path: Path, service: str, keys: tuple[str, ...]
) -> None:
    assert looked_over(for_all(tmp_path, service), keys=keys) == []


@pytest.mark.parametrize("service", MERGING)
def test_without_the_merge_its_tags_are_found(tmp_path: Path, service: str) -> None:
    folder = for_all(tmp_path, service)
    (folder / "build.json").unlink()
    assert {"merge_tag_left", "token_forged"} & codes(looked_over(folder))
    assert looked_over(folder, service) == []


def test_a_tag_of_another_service_is_found(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "mailgun")
    html = folder / "email.html"
    html.write_text(html.read_text().replace("Alder &amp;", "*|FNAME|* Alder &amp;"))
    assert codes(looked_over(folder)) == {"merge_tag_left"}


def test_mustache_that_the_service_takes_is_found(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "customerio")
    amp = folder / "amp.html"
    amp.write_text(amp.read_text().replace("{% raw %}", "").replace("{% endraw %}", ""))
    assert {"mustache_lost", "merge_failed"} & codes(looked_over(folder))


def test_a_merge_that_fails_is_found(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "customerio")
    html = folder / "email.html"
    html.write_text(html.read_text().replace("Alder &amp;", "{% wrong %} Alder &amp;"))
    assert "merge_failed" in codes(looked_over(folder))


def test_a_part_that_is_not_there_is_found(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "customerio")
    (folder / "email.txt").unlink()
    assert codes(looked_over(folder)) == {"part_missing"}


def test_a_payload_of_another_time_is_found(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "mailgun")
    amp = folder / "amp.html"
    amp.write_text(amp.read_text().replace("Loading", "Loading, please wait"))
    found = looked_over(folder)
    assert [(one.code, one.part) for one in found] == [("payload_differs", "payload")]


def test_a_payload_that_is_cut_off_is_found_with_its_line(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "mailgun")
    (folder / "payload.json").write_text('{\n"from":')
    found = looked_over(folder)
    assert [(one.code, one.line) for one in found] == [("payload_broken", 2)]


def test_messages_are_looked_at_as_they_are(tmp_path: Path) -> None:
    assert looked_over(messages(tmp_path, 2)) == []


def test_what_many_messages_have_is_told_once(tmp_path: Path) -> None:
    wrong = message().replace(b"Date: ", b"X-Date: ")
    found = looked_over(messages(tmp_path, 3, wrong))
    assert [(one.code, one.file, one.others) for one in found] == [("date_missing", "000001.eml", 2)]


def test_of_very_many_messages_some_are_looked_at(tmp_path: Path) -> None:
    folder = messages(tmp_path, MOST_MESSAGES * 2 + 1)
    found = list(emails(folder, service="", token_keys=KEYS, send_at_us=NOW_US))
    assert MOST_MESSAGES / 2 < len(found) <= MOST_MESSAGES
    assert found[0].file == "000001.eml"
    assert [one.code for email in found for one in email.findings] == ["not_all_messages"]


def test_a_message_alone_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "one.eml"
    file.write_bytes(message(msgspec.structs.replace(good(), html="")))
    assert "part_missing" in codes(looked_over(file))


@pytest.mark.parametrize("name", ["", "nowhere", "nowhere.eml"])
def test_where_there_is_no_email_that_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(NothingToCheck, match=str(tmp_path)):
        looked_over(tmp_path / name)


@pytest.mark.parametrize(("name", "content"), [("build.json", b"{"), ("email.html", b"\xff\xfe")])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    folder = for_all(tmp_path, "mailgun")
    (folder / name).write_bytes(content)
    with pytest.raises(NothingToCheck, match=str(tmp_path)):
        looked_over(folder)


def test_the_sender_of_a_message_is_whose_domain_is_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    def records(name: str) -> list[str]:
        asked.append(name)
        return []

    found = looked_over(messages(tmp_path, 1), records=records, dkim_selector="s1")
    assert {"spf_missing", "dmarc_missing", "dkim_missing"} == codes(found)
    assert asked[0] == SENDER.partition("@")[2]


def test_where_no_sender_is_known_dns_is_not_asked(tmp_path: Path) -> None:
    assert codes(looked_over(for_all(tmp_path, "mailgun"), records=None)) == set()
    found = looked_over(for_all(tmp_path, "mailgun"), records=lambda name: [])
    assert codes(found) == {"sender_unknown"}


def test_the_functions_are_asked_in_the_name_of_the_sender(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(301, headers={"Location": "/"})

    found = look_over(
        emails(messages(tmp_path, 1), service="", token_keys=KEYS, send_at_us=NOW_US),
        Circumstances(send_at_us=NOW_US, validator=Passing(), endpoint=LIVE),
        lambda: httpx.Client(transport=httpx.MockTransport(handle)),
    )
    assert codes(found) == {"endpoint_redirects"}
    assert asked[0].headers["AMP-Email-Sender"] == SENDER
    assert str(asked[0].url).replace("&", "&amp;") in good().amp


def test_nobody_cannot_ask_the_functions(tmp_path: Path) -> None:
    with pytest.raises(SenderUnknown):
        looked_over(for_all(tmp_path, "mailgun"), endpoint=LIVE)
