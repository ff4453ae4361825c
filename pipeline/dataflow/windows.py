"""Windows of a portable graph in words, such as `60 s windows, 90000 s late allowed`."""

from __future__ import annotations

from apache_beam.portability.api import beam_runner_api_pb2, standard_window_fns_pb2
from google.protobuf.duration_pb2 import Duration

GLOBAL = "beam:window_fn:global_windows:v1"
FIXED = "beam:window_fn:fixed_windows:v1"
SLIDING = "beam:window_fn:sliding_windows:v1"
SESSIONS = "beam:window_fn:session_windows:v1"

ALL_TIME = "all time"
"""How elements are windowed that nobody has windowed."""


def windows_in_words(strategy: beam_runner_api_pb2.WindowingStrategy) -> str:
    """Windows, how late elements may be, how often they fire and whether counts add up from pane to pane."""
    parts = [_windows(strategy.window_fn)]
    if strategy.allowed_lateness:
        parts.append(f"{strategy.allowed_lateness / 1000:g} s late allowed")
    trigger = _trigger(strategy.trigger)
    if trigger:
        parts.append(f"fired {trigger}")
    if len(parts) > 1:
        parts.append(beam_runner_api_pb2.AccumulationMode.Enum.Name(strategy.accumulation_mode).lower())
    return ", ".join(parts)


def _windows(window_fn: beam_runner_api_pb2.FunctionSpec) -> str:
    if window_fn.urn == GLOBAL:
        return ALL_TIME
    if window_fn.urn == FIXED:
        fixed = standard_window_fns_pb2.FixedWindowsPayload.FromString(window_fn.payload)
        return f"{_seconds(fixed.size)} windows"
    if window_fn.urn == SLIDING:
        sliding = standard_window_fns_pb2.SlidingWindowsPayload.FromString(window_fn.payload)
        return f"{_seconds(sliding.size)} windows every {_seconds(sliding.period)}"
    if window_fn.urn == SESSIONS:
        sessions = standard_window_fns_pb2.SessionWindowsPayload.FromString(window_fn.payload)
        return f"sessions with a gap of {_seconds(sessions.gap_size)}"
    return window_fn.urn


def _trigger(trigger: beam_runner_api_pb2.Trigger) -> str:
    """When a window gives what it has. Nothing for the default trigger; rare ones by Beam's own name."""
    kind = trigger.WhichOneof("trigger")
    if kind in (None, "default"):
        return ""
    if kind == "after_end_of_window":
        words = ["at its end"]
        if trigger.after_end_of_window.HasField("early_firings"):
            words.append(f"earlier {_trigger(trigger.after_end_of_window.early_firings)}")
        if trigger.after_end_of_window.HasField("late_firings"):
            words.append(f"later {_trigger(trigger.after_end_of_window.late_firings)}")
        return " and ".join(words)
    if kind == "element_count":
        return f"after every {trigger.element_count.element_count} elements".replace(
            "every 1 elements", "each"
        )
    if kind == "repeat":
        return f"again and again {_trigger(trigger.repeat.subtrigger)}"
    return kind.replace("_", " ")


def _seconds(duration: Duration) -> str:
    return f"{duration.ToMicroseconds() / 1_000_000:g} s"
