"""Where the job finds the secrets of the pseudonyms: `evermail.keys`, as whoever opens a dead letter."""

from evermail.keys import (
    DEFAULT,
    FORMS,
    EnvKeys,
    FileKeys,
    KeySource,
    KeysUnavailable,
    LiteralKeys,
    SecretKeys,
    key_source,
    parse_keys,
)

__all__ = [
    "DEFAULT",
    "FORMS",
    "EnvKeys",
    "FileKeys",
    "KeySource",
    "KeysUnavailable",
    "LiteralKeys",
    "SecretKeys",
    "key_source",
    "parse_keys",
]
