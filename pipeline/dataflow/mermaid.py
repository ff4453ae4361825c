"""The outermost steps of a job as a Mermaid flow chart, for documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pipeline.dataflow.report import MAIN_OUTPUT
from pipeline.dataflow.steps import Elements, Step


def mermaid(steps: tuple[Step, ...]) -> str:
    """Steps that keep state are drawn as cylinders; arrows say which output goes where."""
    return "\n".join(["flowchart LR", *(f"  {line}" for line in _lines(steps))])


def _lines(steps: tuple[Step, ...]) -> Iterator[str]:
    for number, step in enumerate(steps):
        keeps_state = any(part.state for part in step.walk())
        opening, closing = ("[(", ")]") if keeps_state else ("[", "]")
        yield f'step{number}{opening}"{step.name}"{closing}'
    for (source, target), labels in sorted(_arrows(steps).items()):
        yield f'step{source} -- "{" + ".join(labels)}" --> step{target}'


def _arrows(steps: tuple[Step, ...]) -> dict[tuple[int, int], list[str]]:
    arrows: dict[tuple[int, int], list[str]] = defaultdict(list)
    sources = {
        elements.flow: (number, _label(tag, elements))
        for number, step in enumerate(steps)
        for tag, elements in step.outputs.items()
    }
    for number, step in enumerate(steps):
        for elements in step.inputs:
            source, label = sources[elements.flow]
            arrows[source, number].append(label)
    return arrows


def _label(tag: str, elements: Elements) -> str:
    return elements.coder if tag == MAIN_OUTPUT else tag
