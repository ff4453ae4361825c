"""The calls of services' APIs: fields, order and headers as their documentation has them."""

from __future__ import annotations

import base64
import email
import email.policy
import json
from pathlib import Path

import pytest

from evermail.campaigns.dialects import DIALECTS, Addressee, Envelope
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts

DOCS = Path(__file__).parents[2] / "docs" / "campaigns.md"
PARTS = Parts(subject="Hello", text="plain\n", amp="<!doctype html><p>amp</p>", html="<p>html</p>")
ONE_CLICK = "List-Unsubscribe=One-Click"


def envelope(service: str, *emails: str) -> Envelope:
    tag = DIALECTS[service].tag(Field.UNSUBSCRIBE)
    return Envelope(
        campaign="autumn",
        sender="Alder & Pine <hi@shop.example>",
        reply_to="help@shop.example",
        unsubscribe_url=f"https://live.example/unsubscribe?t={tag}",
        sent_at=1_795_500_000_000_000,
        addressees=[Addressee(one, {Field.UNSUBSCRIBE: f"token-{one}"}) for one in emails],
    )


def payload(service: str, *emails: str) -> dict:
    made = DIALECTS[service].payload(PARTS, envelope(service, *emails))
    assert made is not None
    return json.loads(json.dumps(made))


def test_sendgrid_gets_the_parts_in_the_order_of_the_message_and_headers_for_each_recipient() -> None:
    made = payload("sendgrid", "a@x.example", "b@x.example")
    assert [part["type"] for part in made["content"]] == ["text/plain", "text/x-amp-html", "text/html"]
    assert [part["value"] for part in made["content"]] == [PARTS.text, PARTS.amp, PARTS.html]
    assert made["from"] == {"email": "hi@shop.example", "name": "Alder & Pine"}
    assert made["reply_to"] == {"email": "help@shop.example"}
    assert [one["to"] for one in made["personalizations"]] == [
        [{"email": "a@x.example"}],
        [{"email": "b@x.example"}],
    ]
    second = made["personalizations"][1]
    assert second["substitutions"] == {"-evermail_unsubscribe-": "token-b@x.example"}
    assert second["headers"] == {
        "List-Unsubscribe": "<https://live.example/unsubscribe?t=token-b@x.example>",
        "List-Unsubscribe-Post": ONE_CLICK,
    }


def test_mailgun_gets_form_fields_with_the_variables_of_every_recipient() -> None:
    made = payload("mailgun", "a@x.example", "b@x.example")
    assert (made["text"], made["amp-html"], made["html"]) == (PARTS.text, PARTS.amp, PARTS.html)
    assert made["to"] == ["a@x.example", "b@x.example"]
    assert json.loads(made["recipient-variables"]) == {
        "a@x.example": {"evermail_unsubscribe": "token-a@x.example"},
        "b@x.example": {"evermail_unsubscribe": "token-b@x.example"},
    }
    assert (
        made["h:List-Unsubscribe"] == "<https://live.example/unsubscribe?t=%recipient.evermail_unsubscribe%>"
    )
    assert made["h:List-Unsubscribe-Post"] == ONE_CLICK
    assert made["h:Reply-To"] == "help@shop.example"


def test_sparkpost_gets_amp_html_and_substitution_data() -> None:
    made = payload("sparkpost", "a@x.example")
    content = made["content"]
    assert (content["text"], content["amp_html"], content["html"]) == (PARTS.text, PARTS.amp, PARTS.html)
    assert content["headers"] == {
        "List-Unsubscribe": "<https://live.example/unsubscribe?t={{evermail_unsubscribe}}>",
        "List-Unsubscribe-Post": ONE_CLICK,
    }
    assert made["recipients"] == [
        {
            "address": {"email": "a@x.example"},
            "substitution_data": {"evermail_unsubscribe": "token-a@x.example"},
        }
    ]


def test_sparkpost_gets_a_campaign_of_no_more_bytes_than_it_takes() -> None:
    one = envelope("sparkpost", "a@x.example")
    long = Envelope(**{name: getattr(one, name) for name in one.__struct_fields__} | {"campaign": "ü" * 50})
    made = DIALECTS["sparkpost"].payload(PARTS, long)
    assert made is not None
    assert made["campaign_id"] == "ü" * 32


def test_ses_gets_a_raw_message_that_parses_into_the_parts_in_order() -> None:
    made = payload("ses", "a@x.example")
    raw = base64.b64decode(made["Content"]["Raw"]["Data"], validate=True)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["To"] == made["Destination"]["ToAddresses"][0] == "a@x.example"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain",
        "text/x-amp-html",
        "text/html",
    ]


def test_braze_gets_amp_body_and_says_what_is_the_shops_to_fill_in() -> None:
    made = payload("braze")
    mail = made["messages"]["email"]
    assert (mail["plaintext_body"], mail["amp_body"], mail["body"]) == (PARTS.text, PARTS.amp, PARTS.html)
    assert mail["headers"]["List-Unsubscribe-Post"] == ONE_CLICK
    assert "{{custom_attribute.${evermail_unsubscribe}}}" in mail["headers"]["List-Unsubscribe"]
    assert all(made[key].startswith("YOUR-") for key in ("campaign_id", "segment_id"))


def test_klaviyo_gets_a_template_of_all_three_parts() -> None:
    assert payload("klaviyo") == {
        "data": {
            "type": "template",
            "attributes": {
                "name": "autumn",
                "editor_type": "CODE",
                "html": PARTS.html,
                "text": PARTS.text,
                "amp": PARTS.amp,
            },
        }
    }


@pytest.mark.parametrize("service", ["smtp", "salesforce", "customerio", "iterable"])
def test_others_have_no_call_that_takes_amp(service: str) -> None:
    assert DIALECTS[service].payload(PARTS, envelope(service, "a@x.example")) is None


@pytest.mark.parametrize("service", DIALECTS)
def test_the_table_of_services_says_what_each_makes_of_a_tag_and_of_mustache(service: str) -> None:
    dialect = DIALECTS[service]
    [row] = [line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{service}` |")]
    row = row.replace("\\|", "|")
    if not dialect.needs_rendering_per_recipient:
        assert f"`{dialect.tag(Field.SLOTS, html=True).replace(' | escape', '')}`" in row
    protected = dialect.protect_amp("{{title}}")
    assert f"`{protected}`" in row or "as it is" in row
    assert (row.split("|")[-2].strip() != "") is bool(dialect.unverified)


@pytest.mark.parametrize("service", DIALECTS)
def test_steps_say_how_one_click_unsubscribing_gets_into_the_email(service: str) -> None:
    dialect = DIALECTS[service]
    steps = "\n".join(dialect.steps(envelope(service, "a@x.example"), [Field.UNSUBSCRIBE]))
    made = dialect.payload(PARTS, envelope(service, "a@x.example"))
    assert "List-Unsubscribe" in steps or "List-Unsubscribe" in json.dumps(made)


@pytest.mark.parametrize("service", ["braze", "salesforce", "klaviyo", "customerio", "iterable"])
def test_services_that_have_the_recipients_are_given_columns(service: str) -> None:
    fields = [Field.SLOTS, Field.UNSUBSCRIBE, Field.FIRST_NAME, Field.ITEM_TITLE]
    steps = "\n".join(DIALECTS[service].steps(envelope(service), fields))
    assert "evermail campaign tokens --audience audience.csv --campaign autumn" in steps
    for field in fields:
        assert f"`{field}`" in steps
