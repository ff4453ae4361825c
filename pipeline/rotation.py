"""Which names are from before pseudonym keys were rotated. What becomes of them: pipeline/former_names.py."""

from __future__ import annotations

from typing import Any

from apache_beam.pvalue import TaggedOutput

from evermail.keys import KeysUnavailable
from evermail.pseudonyms import key_id_of
from pipeline.config import JobConfig

Tags = tuple[str, str]
"""Of the outputs to the memories of current and of former names."""

MAX_KEYS = 2
"""A name has one former name at most."""


def keys_of(config: JobConfig) -> dict[str, str]:
    """Secrets of the pseudonyms by key id; the last is current. Raises `KeysUnavailable`."""
    keys = config.pseudonym_keys.keys()
    if len(keys) > MAX_KEYS:
        raise KeysUnavailable(
            f"{len(keys)} pseudonym keys ({', '.join(keys)}): a job takes {MAX_KEYS} at most, the former "
            "and the current one; drop those of which no profile is left"
        )
    return keys


class FormerNames:
    """Tells former names from current ones."""

    def __init__(self, current_key_id: str) -> None:
        self._current = current_key_id + "."

    @classmethod
    def of(cls, config: JobConfig) -> FormerNames:
        """Raises `KeysUnavailable`."""
        return cls(list(keys_of(config))[-1])

    def lead(self, name: str, aliases: tuple[str, ...], arrival: Any, tags: Tags) -> TaggedOutput:
        """An arrival for `name`, to the memory of that name, or of a former one where that is on the way."""
        former = self.on_the_way(name, aliases)
        current_tag, former_tag = tags
        if former is None:
            return TaggedOutput(current_tag, (name, arrival))
        return TaggedOutput(former_tag, (former, arrival))

    def on_the_way(self, name: str, aliases: tuple[str, ...]) -> str | None:
        """The former name by whose memory something for `name` has to come; None if there is none."""
        if aliases:
            return aliases[0]
        return None if name.startswith(self._current) or key_id_of(name) is None else name
