"""Evermail. Dataflow workers install from this file, so the base requirements stay small.

Each part has an extra of its own: the functions never pull in Beam, the workers never pull in Flask.
"""

from pathlib import Path

from setuptools import find_namespace_packages, setup

BASE = ["msgspec>=0.20,<1", "itsdangerous>=2.2,<3", "google-cloud-firestore>=2.20,<3"]
CLI = ["typer>=0.15,<1", "rich>=13,<16"]
SEALING = ["cryptography>=42,<51"]
# With build and setuptools, a launch with --setup_file makes the source distribution that workers install
PIPELINE = ["apache-beam[gcp]==2.77.0", *SEALING, "build>=1.2,<2", "setuptools>=70,<86"]
PIPELINE += ["google-cloud-bigquery-storage>=2.24,<3"]  # Beam has it, but does not promise it
ARCHIVE = [*CLI, "google-cloud-bigquery>=3.25,<4"]
BABEL = ["babel>=2.14,<3"]
PICTURES = ["pillow>=11,<13", "urllib3>=2.2,<3"]
FUNCTIONS = ["functions-framework>=3.8,<4", "flask>=3,<4", "google-cloud-pubsub>=2.27,<3", *BABEL, *PICTURES]
CAMPAIGNS = [*CLI, "jinja2>=3.1,<4", "css-inline>=0.14,<1", "pyyaml>=6,<7", *BABEL]
CAMPAIGNS += ["dnspython>=2.6,<3", "httpx>=0.27,<1"]  # to ask DNS and the functions
CAMPAIGNS += ["tenacity>=8.5,<10"]  # to ask a mail server again
CATALOG = [*CLI, *BABEL, "httpx>=0.27,<1", "tenacity>=8.5,<10"]
DEAD_LETTERS = [*CLI, *SEALING, "google-cloud-pubsub>=2.27,<3", "google-cloud-secret-manager>=2.20,<3"]
RULES = [*CLI, "pyyaml>=6,<7"]
EXPLAIN = [*CLI, *BABEL]
EVALUATE = [*CLI, "numpy>=1.26,<3"]
DEMO = [
    *CLI,
    *PIPELINE,
    *ARCHIVE,
    *FUNCTIONS,
    *CAMPAIGNS,
    *CATALOG,
    *DEAD_LETTERS,
    *RULES,
    "chevron>=0.14,<1",
]
DEV = [
    *DEMO,
    *EVALUATE,
    "pytest>=8.3,<10",
    "pytest-timeout>=2.3,<3",
    "hypothesis>=6.112,<7",
    "mypy>=1.13,<3",
    "ruff>=0.8,<1",
    "import-linter>=2.1,<3",
    "pathspec>=0.12,<2",
    "aiosmtpd>=1.4.6,<2",
    "playwright>=1.49,<2",
    # The statements for BigQuery are tested by another database
    "duckdb>=1.1,<3",
    "sqlglot>=26,<31",
    # Requests for the functions, made of their OpenAPI document
    "schemathesis>=4.32,<5",
]

setup(
    name="evermail",
    version="0.1.0",
    description="Keeps an email alive: live recommendations in it, from a shop's event stream",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_namespace_packages(
        include=[
            "evermail",
            "evermail.*",
            "pipeline",
            "pipeline.*",
            "functions",
            "functions.*",
            "demo",
            "demo.*",
            "templates",
            "templates.*",
        ]
    ),
    package_data={
        "": [
            *("*.html", "*.txt", "*.json", "*.css", "*.js", "*.yaml", "*.svg", "*.sql", "*.ttf", "*.webp"),
            "py.typed",
        ]
    },
    install_requires=BASE,
    extras_require={
        "cli": CLI,
        "pipeline": PIPELINE,
        "archive": ARCHIVE,
        "functions": FUNCTIONS,
        "campaigns": CAMPAIGNS,
        "catalog": CATALOG,
        "dead-letters": DEAD_LETTERS,
        "evaluate": EVALUATE,
        "explain": EXPLAIN,
        "rules": RULES,
        "demo": DEMO,
        "dev": DEV,
    },
    entry_points={
        "console_scripts": ["evermail=evermail.cli:main"],
        # Commands of other packages join the command line by name, so evermail/ need not import them.
        "evermail.commands": [
            "archive=evermail.archive.command:archive",
            "campaign=evermail.campaigns.command:campaign",
            "catalog=evermail.catalog.command:catalog",
            "dead-letters=evermail.dead_letters.command:dead_letters",
            "demo=demo.command:demo",
            "evaluate=evermail.evaluation.command:evaluate",
            "tune=evermail.evaluation.tuning.command:tune",
            "explain=evermail.shelf.explain_command:explain",
            "rules=evermail.shelf.rules_command:rules",
            "static=evermail.shelf.static_command:static",
        ],
        # Subcommands of `evermail campaign`, in the same way
        "evermail.campaign_commands": ["preview=demo.studio.command:preview"],
    },
)
