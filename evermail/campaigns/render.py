"""Fills a campaign template for one recipient.

A template is a folder of `subject.txt`, `email.txt`, `amp.html` and `email.html` (Jinja2), with a
`sample.json` that shows its context. Those that come with Evermail say what they have to say in `words.txt`,
for all of these parts; partials shared by several are in `_partials/`. `template` is the name of the folder.

A value is only ever text: in the HTML parts markup in it is escaped, and in every part its braces are kept
from forming a tag, because AMP clients and the merge languages of mail services would take `{{` for one of
theirs.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import jinja2
import msgspec
from markupsafe import Markup, escape

from evermail import clock
from evermail.campaigns.brand import is_url
from evermail.campaigns.context import Context
from evermail.campaigns.inlining import inlined
from evermail.money import parse_locale

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_ADJACENT_BRACES = re.compile("&#123;(?=&#123;)")
_TAG_OPENING = re.compile(r"\{(?=[{%#]|\Z)")
"""A brace that begins a tag, or may with whatever follows the value."""

_WORD_JOINER = "\u2060"
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef]+")


class Parts(msgspec.Struct, frozen=True):
    """A rendered email. `subject` is one line, the others are whole documents."""

    subject: str
    text: str
    amp: str
    html: str


class TemplateProblem(Exception):
    """A template that cannot be rendered: says which file, which line (0 if unknown) and why."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class Renderer:
    """Renders the templates of a folder. Compiles each once; safe to share between threads."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        self._folder = folder
        self._text = self._environment(finalize=_plain, autoescape=False)
        self._html = self._environment(finalize=_inert, autoescape=True)

    def templates(self) -> list[str]:
        """The names of the templates there are."""
        return sorted(path.parent.name for path in self._folder.glob("[!_]*/amp.html"))

    def render(self, template: str, context: Context) -> Parts:
        """Every part of an email. Raises `TemplateProblem`."""
        self._require(template)
        return Parts(
            subject=" ".join(self._fill(self._text, f"{template}/subject.txt", context).split()),
            text=self._fill(self._text, f"{template}/email.txt", context).strip() + "\n",
            amp=self._fill(self._html, f"{template}/amp.html", context),
            html=inlined(self._fill(self._html, f"{template}/email.html", context)),
        )

    def sample_context(self, template: str) -> Context:
        """The made-up recipient that a template brings along. Raises `TemplateProblem`."""
        self._require(template)
        path = self._folder / template / "sample.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Context)
        except (OSError, msgspec.MsgspecError) as error:
            raise TemplateProblem(str(path), 0, str(error)) from error

    def _environment(self, *, finalize: Callable[[object], object], autoescape: bool) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(self._folder),
            undefined=jinja2.StrictUndefined,
            autoescape=autoescape,  # noqa: S701 (off for text parts only)
            finalize=finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters["href"] = _href
        environment.filters["with_query"] = _with_query
        environment.filters["date"] = _date
        environment.filters["unbroken"] = lambda text: text.replace(" ", "\u00a0")
        environment.tests["https_url"] = lambda text: is_url(text, schemes=("https",))
        environment.tests["web_url"] = is_url
        return environment

    def _fill(self, environment: jinja2.Environment, name: str, context: Context) -> str:
        try:
            template = name.partition("/")[0]
            return environment.get_template(name).render(context.variables, template=template)
        except jinja2.TemplateSyntaxError as error:
            file = error.filename or str(self._folder / name)
            raise TemplateProblem(file, error.lineno, error.message or "syntax error") from error
        except Exception as error:
            # Jinja2 puts the template's own file and line into the traceback of whatever its code raised.
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if Path(frame.filename).is_relative_to(self._folder)]
            file, line = (own[-1].filename, own[-1].lineno or 0) if own else (str(self._folder / name), 0)
            raise TemplateProblem(file, line, _reason(error)) from error

    def _require(self, template: str) -> None:
        if not _NAME.fullmatch(template) or not (self._folder / template / "amp.html").is_file():
            known = ", ".join(self.templates()) or "none"
            raise TemplateProblem(str(self._folder), 0, f"no template {template!r}; there are: {known}")


def render(template: str, context: Context) -> Parts:
    """Renders one of the templates that come with Evermail. Raises `TemplateProblem`."""
    return _renderer().render(template, context)


def sample_context(template: str) -> Context:
    """The made-up recipient of one of the templates that come with Evermail. Raises `TemplateProblem`."""
    return _renderer().sample_context(template)


@lru_cache(maxsize=1)
def _renderer() -> Renderer:
    return Renderer()


def _reason(error: Exception) -> str:
    if isinstance(error, jinja2.TemplateNotFound):
        return f"there is no template file {error.name}"
    return str(error) or type(error).__name__


def _plain(value: object) -> object:
    """A value in a text part: one line, so that it cannot pretend to be a line of the email's own.

    A word joiner (invisible) keeps its braces from beginning a tag: nothing can be escaped here.
    """
    return _TAG_OPENING.sub("{" + _WORD_JOINER, _one_line(value)) if isinstance(value, str) else value


def _inert(value: object) -> object:
    """A value in an HTML part: text and nothing else.

    Braces become character references, which hides them from whoever reads the source for `{{`. A
    word joiner (invisible) between two of them also keeps them harmless once a browser has decoded them.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = str(escape(_one_line(value))).replace("{", "&#123;").replace("}", "&#125;")
    return Markup(_ADJACENT_BRACES.sub("&#123;&#8288;", text))  # noqa: S704 (escaped above)


def _one_line(text: str) -> str:
    """Text without control characters and line ends, and without what UTF-8 cannot write."""
    return _INVISIBLE.sub(" ", text).encode("utf-8", "replace").decode()


def _href(url: str) -> str:
    """A URL made of the characters that URLs may have: braces and non-ASCII ones percent-encoded.

    Raises `ValueError` for anything but an absolute web address.
    """
    if not is_url(url):
        raise ValueError(f"not an absolute http or https URL: {url!r}")
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    keep = "%/:?#[]@!$&'()*+,;=~-._"
    rest = (quote(part, safe=keep) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, host, *rest))


def _with_query(url: str, **parameters: str) -> str:
    """A URL with parameters added to its query."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters, errors="replace")]))
    return urlunsplit(parts._replace(query=query))


def _date(time_us: int, locale: str) -> str:
    """The UTC day of a time in microseconds, as `24 November 2026` is written in a locale."""
    from babel.dates import format_date

    text: str = format_date(clock.to_datetime(time_us).date(), format="long", locale=parse_locale(locale))
    return text
