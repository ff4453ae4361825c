"""Names for the coders of a portable graph, such as `kv<str, EventCoder>`."""

from __future__ import annotations

from apache_beam.portability.api import beam_runner_api_pb2
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import BytesValue

_STANDARD = {
    "beam:coder:bytes:v1": "bytes",
    "beam:coder:string_utf8:v1": "str",
    "beam:coder:varint:v1": "int",
    "beam:coder:double:v1": "float",
    "beam:coder:bool:v1": "bool",
}


def coder_names(components: beam_runner_api_pb2.Components) -> dict[str, str]:
    """A name for each coder, by its id. A coder of our own is named after its class."""
    return {coder_id: _name(components, coder_id) for coder_id in components.coders}


def _name(components: beam_runner_api_pb2.Components, coder_id: str) -> str:
    coder = components.coders[coder_id]
    urn = coder.spec.urn
    if urn in _STANDARD:
        return _STANDARD[urn]
    parts = ", ".join(_name(components, part) for part in coder.component_coder_ids)
    name = _class_name(coder.spec.payload) or urn.split(":")[2]
    return f"{name}<{parts}>" if parts else name


def _class_name(payload: bytes) -> str | None:
    """The class of a pickled coder: Beam writes it before the pickle, as `EventCoder$...`."""
    try:
        name, dollar, _ = BytesValue.FromString(payload).value.partition(b"$")
    except DecodeError:
        return None
    text = name.decode("ascii", errors="replace")
    return text if dollar and text.isidentifier() else None
