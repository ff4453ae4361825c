"""`evermail campaign preview`: what it starts with, what it refuses, and how it ends."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo.processes import HOST, free_port
from evermail.campaigns.command import campaign

COMMAND = [sys.executable, "-c", "from evermail.cli import main; main()", "campaign", "preview"]


def refused(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(campaign, ["preview", *arguments])
    return result.exit_code, result.stderr


def test_help_has_an_example() -> None:
    told = CliRunner().invoke(campaign, ["preview", "--help"]).stdout
    assert "evermail campaign preview --template abandoned_cart --brand brand.yaml" in told


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--template", "nothing"], 2, "no template 'nothing'; there are: abandoned_cart"),
        (["--shopper", "crm-1"], 2, "--shopper needs the --store that knows them"),
        (["--endpoint", "http://live.shop.example"], 2, "is not an https URL"),
        (["--brand", "/nowhere.yaml"], 1, "/nowhere.yaml:1: cannot be read"),
        (["--store", "sqlite:////nowhere.sqlite3"], 2, "there is no /nowhere.sqlite3"),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], code: int, told: str) -> None:
    ended = refused(*arguments)
    assert ended[0] == code
    assert told in ended[1]


def test_a_busy_port_is_named() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        code, told = refused("--port", str(port))
    assert (code, f"port {port} is in use" in told) == (2, True)


def test_it_serves_until_ctrl_c(tmp_path: Path) -> None:
    brand = tmp_path / "alder.yaml"
    brand.write_text("name: Alder & Pine\nshop_url: https://alder.example\naddress: 1 Mill Lane, Leeds\n")
    port = free_port()
    serving = subprocess.Popen(
        [*COMMAND, "--port", str(port), "--brand", str(brand), "--template", "price_drop"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    watchdog = threading.Timer(60, serving.kill)
    watchdog.start()
    try:
        assert serving.stdout
        ready = serving.stdout.readline()
        assert ready == f"Ready: http://{HOST}:{port}/studio?template=price_drop (Ctrl-C ends it)\n"
        connection = http.client.HTTPConnection(HOST, port, timeout=20)
        connection.request("GET", "/studio/api/proof?template=price_drop")
        assert b"Alder & Pine" in connection.getresponse().read()
        connection.close()
        serving.send_signal(signal.SIGINT)
        rest, _ = serving.communicate()
        assert (serving.returncode, rest) == (0, "Ended.\n")
    finally:
        watchdog.cancel()
        serving.kill()
        serving.wait()
