"""Google's own Pub/Sub and Firestore emulators, started by `gcloud` and gone when left.

with firestore_emulator() as endpoint:
    os.environ["FIRESTORE_EMULATOR_HOST"] = endpoint
"""

from __future__ import annotations

import http.client
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.processes import HOST, Child, free_port

START_TIMEOUT_S = 60.0


class EmulatorMissing(Exception):
    """What an emulator needs is not installed; the message says how to install it."""


@contextmanager
def pubsub_emulator(*, log: Path | None = None) -> Iterator[str]:
    """Runs a Pub/Sub emulator; yields its `host:port`, for PUBSUB_EMULATOR_HOST.

    Raises `EmulatorMissing`, and `ChildFailed` if it does not start.
    """
    gcloud = _require("Pub/Sub", "pubsub-emulator", extra_component="beta")
    with tempfile.TemporaryDirectory(prefix="evermail-pubsub-") as data:
        arguments = ["beta", "emulators", "pubsub", "start", f"--data-dir={data}"]
        with _running("Pub/Sub emulator", [gcloud, *arguments], log) as endpoint:
            yield endpoint


@contextmanager
def firestore_emulator(*, log: Path | None = None) -> Iterator[str]:
    """Runs a Firestore emulator, empty; yields its `host:port`, for FIRESTORE_EMULATOR_HOST.

    Raises `EmulatorMissing`, and `ChildFailed` if it does not start.
    """
    gcloud = _require("Firestore", "cloud-firestore-emulator")
    arguments = ["emulators", "firestore", "start"]
    with _running("Firestore emulator", [gcloud, *arguments], log) as endpoint:
        yield endpoint


@contextmanager
def _running(name: str, command: list[str], log: Path | None) -> Iterator[str]:
    port = free_port()
    # Nothing may be asked or fetched: whether the component is there was looked up before.
    env = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1"}
    with Child(name, [*command, f"--host-port={HOST}:{port}"], log=log, env=env) as child:
        child.wait_until(lambda: _answers(port), timeout_s=START_TIMEOUT_S)
        yield f"{HOST}:{port}"


def _answers(port: int) -> bool:
    """Both emulators answer a plain `GET /` with `Ok` beside their gRPC service."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _require(name: str, component: str, *, extra_component: str = "") -> str:
    """The path of gcloud, once it is sure that the emulator can start. Raises `EmulatorMissing`."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        raise EmulatorMissing(
            f"the {name} emulator needs the gcloud command: install the Google Cloud CLI "
            f"(https://cloud.google.com/sdk/docs/install), then {_installation(component, extra_component)}"
        )
    sdk = Path(gcloud).resolve().parent.parent
    if not (sdk / "platform" / component).is_dir():
        raise EmulatorMissing(
            f"gcloud ({gcloud}) has no {name} emulator: {_installation(component, extra_component)}"
        )
    if not shutil.which("java"):
        raise EmulatorMissing(f"the {name} emulator needs Java: install a JRE, version 21 or later")
    return gcloud


def _installation(component: str, extra_component: str) -> str:
    components = f"{extra_component} {component}".strip()
    return (
        f"run `gcloud components install {components}`, "
        f"or `apt-get install google-cloud-cli-{component.removeprefix('cloud-')}` where it came from apt"
    )
