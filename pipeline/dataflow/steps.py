"""The steps of a portable graph, as a tree that can be read: what each keeps, gives and is to Dataflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from apache_beam.portability.api import beam_runner_api_pb2

from pipeline.dataflow.coder_names import coder_names
from pipeline.dataflow.windows import windows_in_words

PAR_DO = "beam:transform:pardo:v1"
PUBSUB_READ = "beam:transform:pubsub_read:v1"
PUBSUB_WRITE = "beam:transform:pubsub_write:v1"


@dataclass(frozen=True)
class Elements:
    """What goes from one step to others. `flow` is the same wherever the same elements are meant."""

    flow: str
    coder: str
    windows: str


@dataclass(frozen=True)
class Step:
    """One step. `path` is its full name, by which Dataflow finds its state again in an update.

    `state` and `timers` are in words, by name; `service` is what Dataflow does itself, without our code.
    """

    name: str
    path: str
    urn: str
    inputs: tuple[Elements, ...] = ()
    outputs: Mapping[str, Elements] = field(default_factory=dict)
    state: Mapping[str, str] = field(default_factory=dict)
    timers: Mapping[str, str] = field(default_factory=dict)
    service: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Step, ...] = ()

    def walk(self) -> Iterator[Step]:
        """This step and all within it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def steps_of(graph: beam_runner_api_pb2.Pipeline) -> tuple[Step, ...]:
    """The steps of the outermost level, in the order in which they were added."""
    return _Reader(graph.components).read_all(graph.root_transform_ids)


class _Reader:
    def __init__(self, components: beam_runner_api_pb2.Components) -> None:
        self._components = components
        self._coders = coder_names(components)
        self._windows = {
            strategy_id: windows_in_words(strategy)
            for strategy_id, strategy in components.windowing_strategies.items()
        }

    def read_all(self, roots: Iterable[str]) -> tuple[Step, ...]:
        steps = [self._read(root, parent="") for root in roots]
        # Beam puts a step without a name of its own round all of them
        return tuple(part for step in steps for part in step.parts or (step,))

    def _read(self, transform_id: str, parent: str) -> Step:
        transform = self._components.transforms[transform_id]
        path = transform.unique_name
        return Step(
            name=path.removeprefix(f"{parent}/"),
            path=path,
            urn=transform.spec.urn,
            inputs=tuple(self._elements(flow) for _, flow in sorted(transform.inputs.items())),
            outputs={tag: self._elements(flow) for tag, flow in sorted(transform.outputs.items())},
            parts=tuple(self._read(part, path) for part in transform.subtransforms),
            **self._details(transform.spec),
        )

    def _elements(self, flow: str) -> Elements:
        pcollection = self._components.pcollections[flow]
        return Elements(
            flow, self._coders[pcollection.coder_id], self._windows[pcollection.windowing_strategy_id]
        )

    def _details(self, spec: beam_runner_api_pb2.FunctionSpec) -> dict[str, dict[str, str]]:
        if spec.urn == PAR_DO:
            par_do = beam_runner_api_pb2.ParDoPayload.FromString(spec.payload)
            state = {name: self._state(cell) for name, cell in sorted(par_do.state_specs.items())}
            timers = {
                name.removeprefix("ts-"): _time_domain(timer.time_domain)
                for name, timer in sorted(par_do.timer_family_specs.items())
            }
            return {"state": state, "timers": timers}
        if spec.urn == PUBSUB_READ:
            return {"service": _read_in_words(spec.payload)}
        if spec.urn == PUBSUB_WRITE:
            return {"service": _write_in_words(spec.payload)}
        return {}

    def _state(self, cell: beam_runner_api_pb2.StateSpec) -> str:
        kind = cell.WhichOneof("spec")
        spec = getattr(cell, kind)
        coders = [
            self._coders[getattr(spec, name)]
            for name in spec.DESCRIPTOR.fields_by_name
            if name.endswith("coder_id")
        ]
        return f"{kind.removesuffix('_spec').replace('read_modify_write', 'value')} of {', '.join(coders)}"


def _time_domain(domain: beam_runner_api_pb2.TimeDomain.Enum.ValueType) -> str:
    return beam_runner_api_pb2.TimeDomain.Enum.Name(domain).lower().replace("_", " ")


def _read_in_words(payload: bytes) -> dict[str, str]:
    read = beam_runner_api_pb2.PubSubReadPayload.FromString(payload)
    return {
        "subscription": read.subscription or f"a new one of {read.topic}",
        "copies dropped by": f"attribute {read.id_attribute}" if read.id_attribute else "message id alone",
        "event time": f"attribute {read.timestamp_attribute}"
        if read.timestamp_attribute
        else "when it was published",
        "attributes": "kept" if read.with_attributes else "dropped",
    }


def _write_in_words(payload: bytes) -> dict[str, str]:
    write = beam_runner_api_pb2.PubSubWritePayload.FromString(payload)
    attributes = {"id attribute": write.id_attribute, "time attribute": write.timestamp_attribute}
    return {"topic": write.topic, **{name: value for name, value in attributes.items() if value}}
