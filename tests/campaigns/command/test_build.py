"""`evermail campaign new`, `build` and `export`: what they write, what they say, and how they end."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evermail.campaigns import Renderer
from evermail.campaigns.brand_file import read_brand
from evermail.campaigns.command import campaign
from evermail.campaigns.command.options import FINDINGS
from evermail.campaigns.dialects import DIALECTS
from evermail.campaigns.recipients import read_recipients
from evermail.documents import Product, Suppression
from evermail.pseudonyms import Pseudonymizer
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from evermail.tokens import TokenSigner

TEMPLATES = Renderer().templates()
TOKEN_KEY = "a-key-for-tests-only"
PSEUDONYM_KEY = "another-for-tests-only"
ORDER = ["text/plain", "text/x-amp-html", "text/html"]

Invoke = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs `evermail campaign` in a folder with a begun campaign in it; the environment has what it needs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVERMAIL_STORE", raising=False)
    monkeypatch.delenv("EVERMAIL_STATIC", raising=False)
    monkeypatch.setenv("EVERMAIL_TOKEN_KEYS", TOKEN_KEY)
    monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", f"k1:{PSEUDONYM_KEY}")
    monkeypatch.setenv("EVERMAIL_FUNCTIONS_URL", "https://live.example/")
    runner = CliRunner()

    def invoke(*arguments: str) -> Result:
        return runner.invoke(campaign, list(arguments))

    assert invoke("new", "begun").exit_code == 0
    return invoke


def built(run: Invoke, template: str, service: str, *more: str) -> Result:
    named = ["--brand", "begun/brand.yaml", "--esp", service, "--from", "Alder <hi@shop.example>"]
    category = ["--category", "lamps"] if template == "trending_in_category" else []
    return run("build", template, *named, *category, "--out", "out", *more)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Has the products of the begun campaign's audience."""
    path = tmp_path / "shop.sqlite3"
    opened = SqliteStore(path)
    opened.put_many(
        [
            Product(
                id=item_id,
                version=1,
                updated_at=1,
                title=title,
                url=f"https://shop.example/{item_id}",
                image_url=f"https://shop.example/{item_id}.png",
                price=64.0,
                currency="EUR",
            )
            for item_id, title in (("KETTLE-02", "Kettle & <Co>"), ("LAMP-03", "Lamp"))
        ]
    )
    opened.close()
    return path


def messages() -> list[EmailMessage]:
    found = sorted(Path("out/messages").glob("*.eml"))
    parsed = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in found]
    assert all(isinstance(message, EmailMessage) for message in parsed)
    return parsed  # type: ignore[return-value]


class TestNew:
    def test_begins_with_files_that_can_be_read(self, run: Invoke) -> None:
        brand = read_brand(Path("begun/brand.yaml"))
        assert (brand.name, brand.locale) == ("Alder & Pine", "en_GB")
        assert len(list(read_recipients(Path("begun/audience.csv")))) == 2
        assert "evermail campaign build" in Path("begun/README.md").read_text()

    def test_its_commented_lines_are_right_as_well(self, run: Invoke) -> None:
        lines = Path("begun/brand.yaml").read_text().splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith("# logo_url"))
        options = [
            line.removeprefix("# ") if re.match(r"#   |# \w+:( |$)", line) else line for line in lines[start:]
        ]
        Path("all.yaml").write_text("\n".join([*lines[:start], *options]))
        brand = read_brand(Path("all.yaml"))
        assert (brand.logo_width, brand.fonts.heading) == (140, "Georgia, 'Times New Roman', serif")
        assert [link.label for link in brand.footer.links] == ["Privacy"]

    def test_overwrites_nothing(self, run: Invoke) -> None:
        Path("begun/brand.yaml").write_text("name: Mine")
        again = run("new", "begun")
        assert again.exit_code == WRONG_USE
        assert "brand.yaml is there already" in again.stderr
        assert Path("begun/brand.yaml").read_text() == "name: Mine"


class TestMessages:
    @pytest.mark.parametrize("service", ["smtp", "ses"])
    @pytest.mark.parametrize("template", TEMPLATES)
    def test_parse_into_text_amp_and_html_with_one_click_headers(
        self, run: Invoke, store: Path, template: str, service: str
    ) -> None:
        more = ["--recipients", "begun/audience.csv", "--store", f"sqlite:///{store}", "--campaign", "autumn"]
        result = built(run, template, service, *more)
        assert result.exit_code == 0, result.stderr
        found = messages()
        assert [message["To"] for message in found] == ["mara@example.com", "jonas@example.com"]
        signer = TokenSigner([TOKEN_KEY])
        names = Pseudonymizer({"k1": PSEUDONYM_KEY}, "k1")
        for message, user in zip(found, ("crm-1001", "crm-1002"), strict=True):
            assert message.get_content_type() == "multipart/alternative"
            assert [part.get_content_type() for part in message.iter_parts()] == ORDER
            assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            url = message["List-Unsubscribe"].strip("<>")
            recipient = signer.verify(url.partition("?t=")[2], purpose="unsubscribe")
            assert recipient.shopper == names.pseudonym("user", user)
            assert recipient.campaign == "autumn"
            text, amp, html = (part.get_content() for part in message.iter_parts())
            assert url in text
            assert "MERGE-" not in text + amp + html + message["Subject"]

    def test_are_about_each_recipients_own_product(self, run: Invoke, store: Path) -> None:
        more = ["--recipients", "begun/audience.csv", "--store", f"sqlite:///{store}"]
        assert built(run, "abandoned_cart", "smtp", *more).exit_code == 0
        mara, jonas = (list(message.iter_parts())[1].get_content() for message in messages())
        assert "Kettle &amp; &lt;Co&gt;" in mara
        assert "Kettle" not in jonas

    def test_none_is_made_for_who_wants_none(self, run: Invoke, store: Path) -> None:
        name = Pseudonymizer({"k1": PSEUDONYM_KEY}, "k1").pseudonym("user", "crm-1001")
        opened = SqliteStore(store)
        opened.put_many([Suppression(id=name, version=1, updated_at=1, reason="link")])
        opened.close()
        more = ["--recipients", "begun/audience.csv", "--store", f"sqlite:///{store}"]
        result = built(run, "recommended_for_you", "smtp", *more)
        assert [message["To"] for message in messages()] == ["jonas@example.com"]
        assert "left out, as they want no email: 1" in result.stderr

    def test_of_an_earlier_build_do_not_stay(self, run: Invoke, store: Path) -> None:
        more = ["--recipients", "begun/audience.csv"]
        built(run, "recommended_for_you", "smtp", *more)
        Path("begun/audience.csv").write_text("email,user_id\nnew@example.com,crm-3\n")
        built(run, "recommended_for_you", "smtp", *more)
        assert [message["To"] for message in messages()] == ["new@example.com"]

    def test_without_a_store_it_is_said_that_nobody_was_asked(self, run: Invoke) -> None:
        result = built(run, "recommended_for_you", "smtp", "--recipients", "begun/audience.csv")
        assert result.exit_code == 0
        assert "not checked who wants no email" in result.stderr

    def test_of_ses_come_with_the_input_of_its_command(self, run: Invoke) -> None:
        built(run, "recommended_for_you", "ses", "--recipients", "begun/audience.csv")
        assert sorted(path.name for path in Path("out/messages").iterdir()) == [
            "000001.eml",
            "000001.json",
            "000002.eml",
            "000002.json",
        ]


class TestParts:
    @pytest.mark.parametrize("service", [name for name in DIALECTS if name not in ("smtp", "ses")])
    def test_are_written_with_steps_and_the_call_where_there_is_one(self, run: Invoke, service: str) -> None:
        result = built(run, "recommended_for_you", service)
        assert result.exit_code == 0, result.stderr
        names = {path.name for path in Path("out").iterdir()}
        assert {"subject.txt", "email.txt", "amp.html", "email.html", "STEPS.md", "build.json"} <= names
        calls = service in ("sendgrid", "mailgun", "sparkpost", "braze", "klaviyo")
        assert ("payload.json" in names) is calls
        tag = DIALECTS[service].tag
        assert f"recommendations?t={tag('evermail_recommendations', html=True)}" in Path(  # type: ignore[arg-type]
            "out/amp.html"
        ).read_text("utf-8")

    def test_calls_hold_the_recipients_where_the_service_is_told_them(self, run: Invoke) -> None:
        more = ["--recipients", "begun/audience.csv", "--first-name"]
        assert built(run, "recommended_for_you", "sendgrid", *more).exit_code == 0
        people = json.loads(Path("out/payload.json").read_text())["personalizations"]
        assert [one["substitutions"]["-first_name-"] for one in people] == ["Mara", "Jonas"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["build", "nothing_like_it"], "no template 'nothing_like_it'; there are: abandoned_cart"),
            (
                ["build", "recommended_for_you", "--esp", "hotmail"],
                "no mail service 'hotmail'; there are: smtp",
            ),
            (["build", "recommended_for_you", "--esp", "smtp"], "--recipients FILE.csv"),
            (["build", "trending_in_category"], "--category"),
            (["build", "recommended_for_you", "--endpoint", "http://live.example"], "not an https URL"),
            (["build", "recommended_for_you", "--campaign", "x" * 500], "--campaign: "),
            (["build", "recommended_for_you", "--from", "nobody"], "--from: 'nobody' is not an address"),
            (
                ["build", "recommended_for_you", "--store", "sqlite:///none.sqlite3"],
                "there is no none.sqlite3",
            ),
            (["build", "recommended_for_you", "--out", "begun"], "begun holds something else"),
            (
                ["build", "recommended_for_you", "--recipients", "begun/audience.csv"],
                "evermail campaign tokens",
            ),
            (["build", "recommended_for_you", "--items", "begun/audience.csv"], "evermail static"),
        ],
    )
    def test_of_wrong_use_say_what_to_do(self, run: Invoke, arguments: list[str], said: str) -> None:
        given = {"--brand": "begun/brand.yaml", "--esp": "braze", "--from": "hi@x.example", "--out": "out"}
        rest = [text for name, value in given.items() if name not in arguments for text in (name, value)]
        result = run(*arguments, *rest)
        assert result.exit_code == WRONG_USE
        assert said in result.stderr
        assert not Path("out").exists()

    def test_of_a_brand_name_file_line_and_remedy(self, run: Invoke) -> None:
        brand = Path("begun/brand.yaml")
        brand.write_text(brand.read_text().replace("currency:", "curency:"))
        result = built(run, "recommended_for_you", "braze")
        assert result.exit_code == FINDINGS
        line = (
            brand.read_text()
            .splitlines()
            .index(next(x for x in brand.read_text().splitlines() if "curency" in x))
        )
        assert f"begun/brand.yaml:{line + 1}: " in result.stderr
        assert "`currency`" in result.stderr

    def test_of_recipients_name_each_line_and_remedy_and_build_nothing(
        self, run: Invoke, store: Path
    ) -> None:
        Path("a.csv").write_text(
            "email,user_id,item_id\nmara@example.com,1,GONE-1\nbroken,2,LAMP-03\nx@example.com,3\n"
        )
        more = ["--recipients", "a.csv", "--store", f"sqlite:///{store}"]
        result = built(run, "back_in_stock", "smtp", *more)
        assert result.exit_code == FINDINGS
        for said in (
            "a.csv:2: there is no product 'GONE-1'",
            "a.csv:3: 'broken' is not an email",
            "a.csv:4: ",
        ):
            assert said in result.stderr
        assert not Path("out").exists()

    def test_of_missing_keys_name_the_variable(self, run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, code in (("EVERMAIL_PSEUDONYM_KEYS", FINDINGS), ("EVERMAIL_TOKEN_KEYS", WRONG_USE)):
            monkeypatch.delenv(name)
            result = built(run, "recommended_for_you", "smtp", "--recipients", "begun/audience.csv")
            assert result.exit_code == code
            assert name in result.stderr

    def test_of_a_store_that_does_not_answer_are_not_findings(
        self, run: Invoke, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*_: object, **__: object) -> None:
            raise StoreUnavailable("the line is cut")

        monkeypatch.setattr(SqliteStore, "get_many", down)
        more = ["--recipients", "begun/audience.csv", "--store", f"sqlite:///{store}"]
        for arguments in (["braze", *more[2:]], ["smtp", *more]):
            result = built(run, "recommended_for_you", *arguments)
            assert result.exit_code == NO_ANSWER
            assert "the store does not answer: the line is cut" in result.stderr
            assert not Path("out").exists()

    def test_nobody_left_to_send_to_is_said(self, run: Invoke) -> None:
        Path("a.csv").write_text("email,user_id\n")
        result = built(run, "recommended_for_you", "smtp", "--recipients", "a.csv")
        assert result.exit_code == FINDINGS
        assert "nobody to send to" in result.stderr


class TestExport:
    @pytest.mark.parametrize("service", DIALECTS)
    def test_writes_a_made_up_recipients_email_as_it_would_arrive(self, run: Invoke, service: str) -> None:
        result = run("export", "abandoned_cart", "--esp", service, "--out", "look")
        assert result.exit_code == 0, result.stderr
        sample = Renderer().sample_context("abandoned_cart")
        amp = Path("look/amp.html").read_text("utf-8")
        assert f"recommendations?t={sample.recipient.tokens.recommendations}&amp;n=" in amp
        assert "{{title}}" in amp
        message = email.message_from_bytes(Path("look/message.eml").read_bytes(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        parts = [part.get_content_type() for part in message.iter_parts()]
        assert parts == ORDER
        url = f"https://live.example/unsubscribe?t={sample.recipient.tokens.unsubscribe}"
        assert message["List-Unsubscribe"] == f"<{url}>"

    def test_takes_the_first_of_a_file_who_wants_email(self, run: Invoke, store: Path) -> None:
        name = Pseudonymizer({"k1": PSEUDONYM_KEY}, "k1").pseudonym("user", "crm-1001")
        opened = SqliteStore(store)
        opened.put_many([Suppression(id=name, version=1, updated_at=1, reason="link")])
        opened.close()
        given = ["--recipients", "begun/audience.csv", "--store", f"sqlite:///{store}", "--out", "look"]
        result = run("export", "abandoned_cart", "--esp", "sparkpost", *given)
        assert "to jonas@example.com" in result.stdout
        assert "Lamp" in Path("look/email.txt").read_text("utf-8")


@pytest.mark.parametrize("command", ["new", "build", "export"])
def test_help_has_an_example(run: Invoke, command: str) -> None:
    shown = run(command, "--help")
    assert shown.exit_code == 0
    assert f"evermail campaign {command}" in shown.stdout
