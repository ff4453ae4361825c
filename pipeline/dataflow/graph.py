"""Shows the job as Dataflow would get it: `python -m pipeline.dataflow.graph`. Nothing leaves this machine.

It takes the options of `pipeline.main`; those that are not given are those of an example.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from pipeline.dataflow.mermaid import mermaid
from pipeline.dataflow.offline import Submission, submission
from pipeline.dataflow.report import report
from pipeline.dataflow.steps import steps_of
from pipeline.known_options import check_known
from pipeline.options import OptionError

SETUP_FILE = Path(__file__).parents[2] / "setup.py"

EXAMPLE_OPTIONS = (
    "--project=example-shop",
    "--region=europe-west1",
    "--job_name=evermail",
    "--temp_location=gs://example-shop-dataflow/temp",
    "--service_account_email=evermail-job@example-shop.iam.gserviceaccount.com",
    "--events_subscription=projects/example-shop/subscriptions/events-job",
    "--dead_letter_topic=projects/example-shop/topics/dead-letters",
    "--store=firestore://example-shop",
    "--pseudonym_keys=secret:projects/example-shop/secrets/pseudonyms/versions/1",
    "--archive=bigquery:example-shop.events.archive",
    "--triggers_topic=projects/example-shop/topics/triggers",
    "--max_num_workers=5",
)

EXAMPLES = """
Examples:

\b
  python -m pipeline.dataflow.graph
  python -m pipeline.dataflow.graph --output job.json --allowed_lateness_s=3600 --machine_type=e2-standard-4
  python -m pipeline.dataflow.graph --archive= --triggers_topic= --mermaid > without_either.mmd
"""

app = typer.Typer(add_completion=False)


@app.command(
    epilog=EXAMPLES,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def graph(
    context: typer.Context,
    output: Path | None = typer.Option(
        None, dir_okay=False, help="Write the job here, as the JSON that Dataflow would get."
    ),
    as_mermaid: bool = typer.Option(
        False, "--mermaid", help="Print a Mermaid flow chart of the outermost steps."
    ),
) -> None:
    """Builds the job for Dataflow on this machine and prints its steps, state, workers and staged files.

    Needs no network, no credentials and no gcloud, and submits nothing. Every other option is one of the
    job's or of Beam's (`python -m pipeline.main --help`); what is not given is that of an example shop.
    """
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    try:
        with Console(stderr=True).status("Building the job"):
            arguments = with_example(context.args)
            check_known(arguments)  # which a build lets pass, as it has a template location
            built = submission(arguments)
        if output:
            output.write_text(_json(built), encoding="utf-8")
    except OptionError as problem:
        _fail(str(problem), code=2)
    except OSError as problem:
        _fail(f"--output: cannot write {output}: {problem.strerror}", code=1)
    typer.echo(mermaid(steps_of(built.graph)) if as_mermaid else report(built))


def with_example(arguments: Sequence[str]) -> list[str]:
    """Arguments with those of the example before them: of two values of one option, the last counts."""
    with_image = any(argument.startswith("--sdk_container_image") for argument in arguments)
    setup = [] if with_image else [f"--setup_file={SETUP_FILE}"]
    rebuilds = any(argument.startswith("--rebuild_from") for argument in arguments)  # and so archives nothing
    example = [option for option in EXAMPLE_OPTIONS if not (rebuilds and option.startswith("--archive="))]
    return [*example, *setup, *arguments]


def _json(built: Submission) -> str:
    return json.dumps(built.job, indent=2, sort_keys=True) + "\n"


def _fail(message: str, code: int) -> None:
    typer.echo(message, err=True)
    sys.exit(code)


if __name__ == "__main__":
    app()
