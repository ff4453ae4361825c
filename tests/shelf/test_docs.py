"""The example that people copy is right."""

from __future__ import annotations

import re
from pathlib import Path

from evermail.shelf.policy import Action, Fatigue
from evermail.shelf.rules_file import read_rules


def test_the_rules_in_the_docs_are_right_and_show_every_action() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    policy = read_rules(example)
    assert {action for rule in policy.rules for action in rule.actions} == set(Action)
    assert policy.fatigue == Fatigue(), "the example tells the defaults"
