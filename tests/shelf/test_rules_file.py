"""A file of rules is read as it was meant, or told where it is wrong and what to write instead."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evermail import documents
from evermail.documents import Rules
from evermail.shelf.policy import MAX_RULES, Fatigue, Policy, PriceRange, Rule, Where
from evermail.shelf.rules_file import RulesRefused, read_rules
from evermail.shelf.schema import schema
from evermail.written_yaml import MOST_TOLD, Problem

WHOLE = """\
# What opened emails show.
diversity: 0.2
max_per_category: 2
timezone: Europe/Berlin
repurchase_after_days: {Coffee: 30}
fatigue:
  campaigns: 2
  days: 14
rules:
  - name: Advent
    pin: 1
    where: {items: [candle-1, candle-2]}
    campaigns: [advent]
    from: 2026-11-29
    until: 2026-12-24

  - name: Own brand
    boost: 1.5
    where:
      brand: ["Lund & Loom"]
      price: {from: 20, below: 99.5}
    until: 2026-12-24T18:00+02:00
  - {name: Slow, bury: yes, where: {label: [slow]}}
  - {name: Cheap, hide: yes, where: {category: [Small things]}}
  - {name: Garden, only: yes, where: {category: [Garden]}}
"""


def test_a_file_is_read_with_the_lines_of_its_rules() -> None:
    berlin = timezone(timedelta(hours=1))
    assert read_rules(WHOLE) == Policy(
        diversity=0.2,
        max_per_category=2,
        timezone="Europe/Berlin",
        repurchase_after_days={"Coffee": 30},
        fatigue=Fatigue(campaigns=2, days=14),
        rules=(
            Rule(
                name="Advent",
                pin=1,
                where=Where(items=("candle-1", "candle-2")),
                campaigns=("advent",),
                start=datetime(2026, 11, 29, tzinfo=berlin),
                end=datetime(2026, 12, 25, tzinfo=berlin),
                line=10,
            ),
            Rule(
                name="Own brand",
                boost=1.5,
                where=Where(brand=("Lund & Loom",), price=PriceRange(at_least=20, below=99.5)),
                end=datetime(2026, 12, 24, 16, tzinfo=UTC),
                line=17,
            ),
            Rule(name="Slow", bury=True, where=Where(label=("slow",)), line=23),
            Rule(name="Cheap", hide=True, where=Where(category=("Small things",)), line=24),
            Rule(name="Garden", only=True, where=Where(category=("Garden",)), line=25),
        ),
    )


def test_what_was_read_can_be_stored_and_read_again() -> None:
    rules = Rules(id=Rules.CURRENT, version=1, updated_at=1, policy=read_rules(WHOLE), file="rules.yaml")
    assert documents.from_json("rules", documents.to_json(rules)) == rules


@pytest.mark.parametrize("text", ["", "\n# nothing yet\n", "{}", "rules:\n"])
def test_an_empty_file_is_a_policy_without_rules(text: str) -> None:
    assert read_rules(text) == Policy()


def problems(text: str) -> list[Problem]:
    with pytest.raises(RulesRefused) as caught:
        read_rules(text)
    return caught.value.problems


def of_rule(fields: str) -> list[Problem]:
    """What is wrong with a rule whose own lines begin in line 4."""
    return problems(f"rules:\n- name: n\n  where: {{items: [a]}}\n{fields}")


@pytest.mark.parametrize(
    ("fields", "line", "what", "remedy"),
    [
        ("  pin: 0", 4, "pin: this has to be at least 1", ""),
        ("  pin: 21", 4, "pin: this has to be at most 20", ""),
        ("  pin: first", 4, "pin: this is text, not a whole number", "digits alone"),
        ("  boost: 0.9", 4, "boost: this has to be at least 1", ""),
        ("  boost: .nan", 4, "boost: ", ""),
        ("  boost: .inf", 4, "boost: this has to be at most 100", ""),
        ("  boost: 1,5", 4, "boost: this is text, not a number", "comma"),
        ("  hide: maybe", 4, "hide: this is text, not yes or no", "write yes"),
        ("  hide: yes\n  bury: yes", 2, "does bury and hide", "one of: pin, boost, bury, hide, only"),
        ("  campaigns: [x]", 2, "does nothing", "one of: pin"),
        ("  hide: no", 2, "does nothing", "one of: pin"),
        ("  hide: yes\n  hide: yes", 5, "`hide` is here a second time", "keep one"),
        ("  hdie: yes", 4, "there is no `hdie` here", "did you mean `hide`?"),
        ("  line: 3", 4, "there is no `line` here", ""),
        ("  weather: 3", 4, "there is no `weather` here", "there can be: name, where, pin"),
        ("  hide: yes\n  campaigns: spring", 5, "campaigns: this is text, not a list", "[this]"),
        ("  hide: yes\n  campaigns: []", 5, "campaigns: there have to be at least 1 values", ""),
        ("  hide: yes\n  campaigns: [12]", 5, "campaigns: this is a whole number, not text", "quotes"),
        ("  hide: yes\n  campaigns: [on]", 5, "campaigns: this is yes or no, not text", "quotes"),
        ("  hide: yes\n  from: soon", 5, "from: 'soon' is no time", "2026-11-27"),
        ("  hide: yes\n  from: 20261127", 5, "from: 20261127 is no time", "2026-11-27"),
        ("  hide: yes\n  until: 2026-W48-5", 5, "until: '2026-W48-5' is no time", "write a day, 2026-11-27"),
        ("  hide: yes\n  from: 2026-W48", 5, "from: '2026-W48' is no time", "write a day, 2026-11-27"),
        ('  hide: yes\n  campaigns: ["\\ud83d"]', 5, "is half a character", "type the character itself"),
        ("  hide: yes\n  until: 9999-12-31", 5, "until: '9999-12-31' is too far away", "leave it out"),
        ("  hide: yes\n  from: 2026-11-02\n  until: 2026-11-01", 6, "ends before it begins", ""),
        ("  hide: [", 4, "this is not YAML", "look at the indentation"),
        ("  hide: !!python/object:os.system yes", 4, "this is not YAML", ""),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_line_and_its_remedy(
    fields: str, line: int, what: str, remedy: str
) -> None:
    [problem, *_] = of_rule(fields)
    assert problem.line == line
    assert what in problem.what
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("where", "what", "remedy"),
    [
        ("{}", "is about no products", "name items, category, brand, label or price"),
        ("{price: {}}", "no price is in this range", ""),
        ("{price: {from: 9, below: 9}}", "no price is in this range", "from: 10, below: 20"),
        ("{price: {below: 0}}", "below: this has to be more than 0", ""),
        ("{price: {form: 9}}", "there is no `form` here", "did you mean `from`?"),
        ("{price: 9}", "price: this is a whole number, not a group", "further in"),
        ("{brnad: [x]}", "there is no `brnad` here", "did you mean `brand`?"),
        ("{brand: [x, '']}", "brand: there have to be at least 1 characters", ""),
        ("{items: [" + "a, " * 101 + "]}", "items: there have to be at most 100 values", "custom_label"),
        ("everything", "where: this is text, not a group", ""),
    ],
)
def test_a_mistake_in_where_is_told_too(where: str, what: str, remedy: str) -> None:
    found = problems(f"rules:\n- name: n\n  hide: yes\n  where: {where}\n")
    assert {problem.line for problem in found} == {4}
    assert any(what in problem.what and remedy in problem.remedy for problem in found), found


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("just text", 1, "the file is text"),
        ("- name: n", 1, "the file is a list"),
        ("rules: 3", 1, "rules is a whole number, not a list"),
        ("\nrules: {name: n}", 2, "rules is a group of `name: value`, not a list"),
        ("rules:\n- 3", 2, "this is a whole number"),
        ("diversity: 2", 1, "diversity: this has to be at most 1"),
        ("\ntimezone: Berlin", 2, "timezone: 'Berlin' is none that is known"),
        ("timezone: 3", 1, "timezone: 3 is none"),
        ("timezone: ../../etc/passwd", 1, "is none that is known"),
        ("repurchase_after_days:\n  Tea: 3\n  Coffee: soon", 3, "Coffee: this is text, not a whole number"),
        ("repurchase_after_days: 30", 1, "repurchase_after_days: this is a whole number"),
        ("repurchase_after_days:\n  '': 3", 2, "'': there have to be at least 1 characters"),
        ("max_per_category: !!int few", 1, "'few' cannot be read as int"),
        ("fatigue:\n  campaigns: -1", 2, "campaigns: this has to be at least 0"),
        ("fatigue:\n  months: 1", 2, "there is no `months` here"),
        ("fatigue: 3", 1, "fatigue: this is a whole number"),
        ("diversity: 0.1\nruels: []", 2, "there is no `ruels` here"),
        ("repurchase_after_days:\n" + "".join(f"  c{n}: 30\n" for n in range(1001)), 1, "at most 1000 names"),
        ('repurchase_after_days:\n  "\\udc00": 3', 2, "'\\udc00' is half a character"),
        ("a: &a [*a]", 1, "`*a` refers to another part"),
        ("rules:\n- &base {hide: yes}\n- {<<: *base, name: n}", 3, "`*base` refers to another part"),
        ("rules: " + "[" * 5000 + "]" * 5000, 1, "too deep in each other"),
        ("rules: []\n--- \nrules: []", 2, "this is not YAML"),
        ("x: \x00", 1, "this is not YAML"),
    ],
)
def test_a_mistake_in_the_rest_is_told_too(text: str, line: int, what: str) -> None:
    [problem, *_] = problems(text)
    assert problem.line == line
    assert what in problem.what


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    found = problems(
        "rules:\n- {name: n, hide: yes, where: {}}\n- pin: 1\n- {name: o, pin: 0, where: {items: [a]}}"
    )
    assert [problem.line for problem in found] == [2, 3, 3, 4]
    assert [problem.what for problem in found[1:3]] == ["`name` is missing", "`where` is missing"]


MISTAKES = [
    "diversity: 2",
    "max_per_category: few",
    "timezone: Berlin",
    "repurchase_after_days: {Coffee: soon}",
    "fatigue: {campaigns: -1}",
    "ruels: []",
]
MISTAKES_OF_A_RULE = [
    "name: 3",
    "pin: 0",
    "boost: 0.5",
    "colour: red",
    "campaigns: advent",
    "from: soon",
    "until: later",
    "where: {brand: [3]}",
]


@given(st.sets(st.sampled_from(MISTAKES)), st.lists(st.sampled_from(MISTAKES_OF_A_RULE), unique=True))
def test_no_mistake_hides_another(settings: set[str], fields: list[str]) -> None:
    right = [f"{name}: {value}" for name, value in (("name", "n"), ("where", "{items: [a]}"))]
    names = [field.partition(":")[0] for field in fields]
    of_rule = [*fields, *(field for field in right if field.partition(":")[0] not in names)]
    lines = [*sorted(settings), "rules:", "- # a rule", *(f"  {field}" for field in of_rule)]
    told = [problem.line for problem in problems("\n".join([*lines, "  hide: 3"]))]
    wrong = {place for place, line in enumerate(lines, start=1) if line.strip() in settings | {*fields}}
    assert wrong | {len(lines) + 1} == {*told}


def test_each_part_of_a_value_is_told() -> None:
    found = problems(
        "rules:\n- name: n\n  hide: yes\n  where:\n"
        "    items: [1, b, 2]\n    price:\n      from: a\n      below: -1"
    )
    assert [(problem.line, problem.what) for problem in found] == [
        (5, "items: this is a whole number, not text"),
        (7, "from: this is text, not a number"),
        (8, "below: this has to be more than 0"),
    ]


def test_what_is_meant_for_an_action_is_not_missed_as_well() -> None:
    assert [problem.line for problem in of_rule("  hdie: yes")] == [4]
    assert [problem.line for problem in of_rule("  pin: 0")] == [4]


def test_no_more_rules_than_an_open_can_try() -> None:
    rule = "- {{name: n{}, hide: yes, where: {{items: [a]}}}}\n"
    whole = "rules:\n" + "".join(rule.format(number) for number in range(MAX_RULES))
    assert len(read_rules(whole).rules) == MAX_RULES
    [problem] = problems(whole + rule.format("+"))
    assert (problem.line, problem.what) == (MAX_RULES + 2, "there are 201 rules, 200 at most")


def test_a_few_lines_do_not_stand_for_millions() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    [problem] = problems("\n".join(lines))
    assert (problem.line, problem.remedy) == (2, "write out here what it stands for")


def test_rules_beyond_the_most_are_not_judged() -> None:
    right = "".join(f"- {{name: n{n}, hide: yes, where: {{items: [a]}}}}\n" for n in range(MAX_RULES))
    found = problems("rules:\n" + right + "- {hdie: yes}\n" * 300)
    assert [problem.what for problem in found] == ["there are 500 rules, 200 at most"]


@pytest.mark.parametrize("until", ["2026-11-27", "20261127"])
def test_the_last_day_belongs_to_a_rule(until: str) -> None:
    [rule] = read_rules(f"rules:\n- {{name: n, hide: yes, where: {{items: [a]}}, until: '{until}'}}").rules
    assert rule.end == datetime(2026, 11, 28, tzinfo=UTC)


def test_the_first_mistakes_are_told_and_the_number_of_the_others() -> None:
    with pytest.raises(RulesRefused) as caught:
        read_rules("rules:\n" + "- {hide: yes, where: {items: [a]}}\n" * 60)
    assert [problem.line for problem in caught.value.problems] == [*range(2, 2 + MOST_TOLD)]
    assert caught.value.more == 60 - MOST_TOLD


def test_a_name_is_given_once() -> None:
    rule = "- {name: n, hide: yes, where: {items: [a]}}\n"
    [problem] = problems(f"rules:\n{rule}{rule}")
    assert (problem.line, problem.what) == (3, "the rule in line 2 is called 'n' too")


def test_a_file_is_not_read_without_end() -> None:
    [problem] = problems("#" * 1_000_001)
    assert "more than 1,000,000 bytes" in problem.what


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "rules",
                    "name",
                    "where",
                    "pin",
                    "boost",
                    "hide",
                    "from",
                    "until",
                    "items",
                    "price",
                    "fatigue",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def read_or_refused(text: str) -> None:
    try:
        policy, found = read_rules(text), None
    except RulesRefused as refused:
        policy, found = None, refused.problems
    if policy is None:
        assert found
        assert all(problem.line >= 1 and problem.what for problem in found)
    else:
        rules = Rules(id=Rules.CURRENT, version=1, updated_at=1, policy=policy)
        assert documents.from_json("rules", documents.to_json(rules)) == rules


@given(values)
def test_whatever_a_file_holds_is_read_or_refused(content: Any) -> None:
    read_or_refused(yaml.safe_dump(content, allow_unicode=True))


@given(st.text())
def test_whatever_text_a_file_holds_is_read_or_refused(text: str) -> None:
    read_or_refused(text)


# The schema


def test_the_schema_that_is_shipped_is_that_of_the_structs() -> None:
    shipped = resources.files("evermail.shelf").joinpath("rules.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == schema(), (
        "write it again: evermail rules schema > evermail/shelf/rules.schema.json"
    )


def test_the_schema_has_what_the_reader_takes_and_no_more() -> None:
    parts = schema()["$defs"]
    assert all(part["additionalProperties"] is False for part in parts.values())
    assert "line" not in parts["Rule"]["properties"]
    for kind, name in ((Policy, "Policy"), (Rule, "Rule"), (Where, "Where"), (PriceRange, "PriceRange")):
        taken = {field.encode_name for field in msgspec.structs.fields(kind)} - {"line"}
        assert set(parts[name]["properties"]) == taken
