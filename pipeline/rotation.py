"""Which names are from before pseudonym keys were rotated. What becomes of them: pipeline/former_names.py."""

from __future__ import annotations

from evermail.pseudonyms import key_id_of
from pipeline.config import JobConfig


class FormerNames:
    """Tells former names from current ones."""

    def __init__(self, current_key_id: str) -> None:
        self._current = current_key_id + "."

    @classmethod
    def of(cls, config: JobConfig) -> FormerNames:
        """Raises `KeysUnavailable`."""
        return cls(list(config.pseudonym_keys.keys())[-1])

    def on_the_way(self, name: str, aliases: tuple[str, ...]) -> str | None:
        """The former name by whose memory something for `name` has to come; None if there is none."""
        if aliases:
            return aliases[0]
        return None if name.startswith(self._current) or key_id_of(name) is None else name
