"""Arguments that no option takes: of these Beam only warns, and the job would start without what they say."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.options import OptionError


def check_known(arguments: Sequence[str]) -> None:
    """Raises `OptionError` for the first argument that neither the job nor Beam knows, or cannot read.

    What is known, and in which spelling, Beam's own parser says, with the options of all classes in it.
    """

    def read(parser: argparse.ArgumentParser) -> None:
        parser.exit_on_error = False  # it would print the usage of some 200 options first
        try:
            given, unknown = parser.parse_known_args(arguments)
        except argparse.ArgumentError as problem:
            raise OptionError(f"{problem.argument_name}: {problem.message}") from None
        # With a template location, it is the launcher of Dataflow's Flex Template that starts the job. It may
        # add options that Beam does not know yet; the template's metadata has checked the shop's own already.
        if unknown and not given.template_location:
            raise OptionError(_unknown(unknown[0], list(parser._option_string_actions)))

    PipelineOptions(list(arguments)).get_all_options(add_extra_args_fn=read)


def _unknown(argument: str, known: list[str]) -> str:
    """Shows no value of an option: it may be a secret."""
    if not argument.startswith("-"):
        return f"{argument!r} belongs to no option: options are given as --name=value"
    name = argument.partition("=")[0]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "python -m pipeline.main --help lists the job's"
    return f"{name} is no option of the job or of Beam: {hint}"
