"""Builds an email for a mail service: a template and what stands for all, in the service's own language."""

from __future__ import annotations

from collections.abc import Mapping

from evermail.campaigns.context import Context
from evermail.campaigns.dialects import Dialect
from evermail.campaigns.merge import Field, with_tags
from evermail.campaigns.render import Parts, Renderer


def dialect_parts(
    template: str, context: Context, dialect: Dialect, renderer: Renderer | None = None
) -> Parts:
    """The parts of an email for all, as the service is to get them: `context` has `everybody()` for its
    recipient. Raises `TemplateProblem`."""
    parts = (renderer or Renderer()).render(template, context)
    return Parts(
        subject=with_tags(parts.subject, dialect.tag),
        text=with_tags(parts.text, dialect.tag),
        amp=with_tags(dialect.protect_amp(parts.amp), lambda field: dialect.tag(field, html=True)),
        html=with_tags(parts.html, lambda field: dialect.tag(field, html=True)),
    )


def merged_parts(parts: Parts, dialect: Dialect, values: Mapping[Field, str]) -> Parts:
    """What one recipient gets of `dialect_parts`, as far as it can be said here. Raises `MergeFailed`."""
    return Parts(
        subject=dialect.merged(parts.subject, values),
        text=dialect.merged(parts.text, values),
        amp=dialect.merged(parts.amp, values, html=True),
        html=dialect.merged(parts.html, values, html=True),
    )
