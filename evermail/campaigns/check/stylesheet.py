"""Reads CSS as far as emails use it, with each declaration's line, and says which of it an element has."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evermail.campaigns.check.document import Document, Element

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_MARK = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|\([^()]*\)|[{};]")
_SIMPLE = re.compile(r"(?:[a-zA-Z][\w-]*|\*)?(?:[.#][\w-]+)*")
_NESTING = frozenset(("media", "supports", "layer", "container"))


@dataclass(frozen=True, slots=True)
class Declaration:
    """`name` and `value` without white space around them, the name in lower case."""

    name: str
    value: str
    line: int
    important: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """`media` is the condition it stands under, empty without one. `at` is the name of an at-rule, such as
    `media` or `font-face`, which has no selectors, and empty for rules of elements."""

    selectors: tuple[str, ...]
    declarations: tuple[Declaration, ...]
    line: int
    media: str = ""
    at: str = ""


def declarations(source: str, line: int = 1) -> list[Declaration]:
    """Those of an inline style or of a rule's block, which begins in `line`."""
    source = _COMMENT.sub(_blank, source)
    found, begin = [], 0
    for end in [*(mark.start() for mark in _MARK.finditer(source) if mark[0] == ";"), len(source)]:
        name, colon, value = source[begin:end].partition(":")
        if colon and name.strip():
            at = line + source.count("\n", 0, begin + len(name) - len(name.lstrip()))
            important = bool(re.search(r"!\s*important\s*$", value, re.IGNORECASE))
            plain = re.sub(r"!\s*important\s*$", "", value, flags=re.IGNORECASE)
            found.append(Declaration(name.strip().lower(), plain.strip(), at, important))
        begin = end + 1
    return found


def rules(source: str, line: int = 1, media: str = "") -> Iterator[Rule]:
    """Those of a stylesheet that begins in `line`, in order, those under conditions as well."""
    source = _COMMENT.sub(_blank, source)
    begin = 0
    while begin < len(source):
        mark = next((m for m in _MARK.finditer(source, begin) if m[0] in ("{", ";", "}")), None)
        if mark is None:
            return
        prelude = source[begin : mark.start()].strip()
        at = line + source.count("\n", 0, begin + len(source[begin:]) - len(source[begin:].lstrip()))
        at_rule = re.match(r"@([\w-]+)", prelude)
        name = at_rule[1].lower() if at_rule else ""
        if mark[0] != "{":
            if name:
                yield Rule((), (), at, media, name)
            begin = mark.end()
            continue
        end = _closing(source, mark.end())
        block, block_line = source[mark.end() : end], line + source.count("\n", 0, mark.end())
        if name in _NESTING:
            condition = prelude[1 + len(name) :].strip().lower()
            yield Rule((), (), at, media, name)
            yield from rules(block, block_line, f"{media} {condition}".strip())
        else:
            inner = "" if name and "{" in block else block  # of @keyframes, say
            selectors = tuple(" ".join(one.split()) for one in prelude.split(",")) if not name else ()
            yield Rule(selectors, tuple(declarations(inner, block_line)), at, media, name)
        begin = end + 1


def _closing(source: str, begin: int) -> int:
    depth = 1
    for mark in _MARK.finditer(source, begin):
        depth += {"{": 1, "}": -1}.get(mark[0], 0)
        if not depth:
            return mark.start()
    return len(source)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def sheets(document: Document) -> Iterator[Rule]:
    """The rules of all stylesheets in a document, but for those that AMP takes away once it runs."""
    for style in document.find("style"):
        if "amp4email-boilerplate" not in style.attributes:
            yield from rules(style.source, style.line)


class Cascade:
    """What rules and inline styles make of the elements of a document.

    Only rules whose condition `applies` count. Selectors are those of elements, classes and ids, and of
    elements in others: any other kind depends on what a reader does, and matches nothing.
    """

    def __init__(self, document: Document, applies: Callable[[str], bool]) -> None:
        self._by_key: dict[str, list[_Ranked]] = defaultdict(list)
        for order, rule in enumerate(sheets(document)):
            if rule.at or not applies(rule.media):
                continue
            for selector in rule.selectors:
                if steps := _steps(selector):
                    specificity = (selector.count("#"), selector.count("."), len(steps))
                    self._by_key[_key(steps[-1])].append(
                        _Ranked(steps, specificity, order, rule.declarations)
                    )

    def of(self, element: Element) -> dict[str, str]:
        """The values of an element's own properties: what it inherits is not among them."""
        classes = element.attributes.get("class", "").split()
        keys = ["*", element.tag, *(f".{one}" for one in classes), f"#{element.attributes.get('id', '')}"]
        found: dict[int, _Ranked] = {}
        for key in keys:
            for ranked in self._by_key.get(key, ()):
                if _matches(element, ranked.steps):
                    found[id(ranked)] = ranked
        values: dict[str, str] = {}
        by_rank = sorted(found.values(), key=lambda one: (one.specificity, one.order))
        inline = declarations(element.attributes.get("style", ""))
        for important in (False, True):
            for declaration in [*(one for ranked in by_rank for one in ranked.declarations), *inline]:
                if declaration.important is important:
                    values[declaration.name] = declaration.value
                    if declaration.name == "background":
                        values.pop("background-color", None)
                        values.pop("background-image", None)
        return values


@dataclass(frozen=True, slots=True)
class _Ranked:
    steps: tuple[str, ...]
    specificity: tuple[int, int, int]
    order: int
    declarations: tuple[Declaration, ...]


def _steps(selector: str) -> tuple[str, ...]:
    """The compound selectors of one, and `>` between them; empty for a selector of another kind."""
    steps = tuple(re.sub(r"\s*>\s*", " > ", selector).split())
    known = steps and all(one == ">" or (one and _SIMPLE.fullmatch(one)) for one in steps)
    return steps if known and steps[-1] != ">" and steps[0] != ">" else ()


def _key(compound: str) -> str:
    """What an element must have to be looked at: an id, a class, or its name."""
    names = re.findall(r"[.#][\w-]+", compound)
    return names[-1] if names else compound.lower()


def _is(element: Element, compound: str) -> bool:
    tag = re.match(r"[a-zA-Z][\w-]*", compound)
    if tag and tag[0].lower() != element.tag:
        return False
    classes = element.attributes.get("class", "").split()
    own_id = element.attributes.get("id", "")
    names = re.findall(r"[.#][\w-]+", compound)
    return all(one[1:] in classes if one[0] == "." else one[1:] == own_id for one in names)


def _matches(element: Element, steps: tuple[str, ...]) -> bool:
    if not _is(element, steps[-1]):
        return False
    rest = steps[:-1]
    if not rest:
        return True
    if rest[-1] == ">":
        return element.parent is not None and _matches(element.parent, rest[:-1])
    return any(_matches(ancestor, rest) for ancestor in element.ancestors())
