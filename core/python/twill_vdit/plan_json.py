# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan <-> its JSON text, schema presets/plan.schema.json.

Where the binary module has read a text before, every check here has passed already; its checks are the complete ones.
"""

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twill_vdit.errors import Error
from twill_vdit.json_reading import parse_json, shown_json
from twill_vdit.layout import TokenOrder
from twill_vdit.patterns import Diagonal, KeyBox, MultiDiagonal, Pattern, SimplePattern, VerticalStripe, Window
from twill_vdit.plan import PRECISIONS, ModelShape, Plan, Segment, StackShape
from twill_vdit.run_facts import Budget, Facts, RunFacts

if TYPE_CHECKING:
    from twill_vdit import _twill

SCHEMA_MAJOR = 1
_LARGEST = 2**31 - 1  # of whole numbers, as the binary module holds them


class Value:
    """A JSON value that knows its path, so that a refusal names file, path and value."""

    def __init__(self, raw: Any, file: str, path: str = "") -> None:
        self.raw, self.file, self.path = raw, file, path

    def fail(self, text: str) -> Error:
        where = f"{self.file}: {self.path}" if self.path else self.file
        return Error(f"{where}: {text}", "file")

    def of_type(self, kind: type | tuple[type, ...], word: str) -> Any:
        if not isinstance(self.raw, kind) or (isinstance(self.raw, bool) and kind is not bool):
            raise self.fail(f"{shown_json(self.raw)} is not {word}")
        return self.raw

    def number(self) -> float:
        raw = self.of_type((int, float), "a number")
        if (isinstance(raw, int) and abs(raw) > _LARGEST) or not math.isfinite(raw):
            raise self.fail(f"{shown_json(raw)} is not a number that fits")
        return float(raw)

    def integer(self) -> int:
        """2.0 is a whole number, as it is to JSON Schema and to the binary module."""
        raw = self.of_type((int, float), "a whole number")
        if isinstance(raw, float):
            if not raw.is_integer():
                raise self.fail(f"{shown_json(raw)} is not a whole number")
            raw = int(raw)
        if abs(raw) > _LARGEST:
            raise self.fail(f"{shown_json(raw)} is not a whole number that fits")
        return int(raw)

    def text(self) -> str:
        raw: str = self.of_type(str, "a text")
        return raw

    def items(self) -> list["Value"]:
        return [Value(item, self.file, f"{self.path}[{i}]") for i, item in enumerate(self.of_type(list, "a list"))]

    def __contains__(self, field: str) -> bool:
        return field in self.of_type(dict, "an object")

    def __getitem__(self, field: str) -> "Value":
        if field not in self:
            raise self.fail(f"{shown_json(field)} is missing")
        # Fields may be names out of the file itself, of any length.
        name = shown_json(field)[1:-1]
        return Value(self.raw[field], self.file, f"{self.path}.{name}" if self.path else name)

    def get(self, field: str, read: Callable[["Value"], Any], otherwise: Any) -> Any:
        return read(self[field]) if field in self else otherwise


def read_order(value: Value) -> TokenOrder:
    name = value.text()
    tiles = re.fullmatch(r"tiles ([1-9]\d{0,8})x([1-9]\d{0,8})x([1-9]\d{0,8})", name)
    if tiles:
        return TokenOrder("tiles", *map(int, tiles.groups()))
    if name not in ("raster", "time_fastest"):
        raise value.fail(f"unknown token order {shown_json(name)}")
    return TokenOrder(name)


def read_box(value: Value) -> KeyBox:
    frames = value["frame_begin"].integer(), value["frame_end"].integer()
    edges = {"row_begin": 0.0, "row_end": 1.0, "col_begin": 0.0, "col_end": 1.0}
    return KeyBox(*frames, **{name: value.get(name, Value.number, usual) for name, usual in edges.items()})


def read_part(value: Value) -> SimplePattern:
    kind = value["kind"].text()
    match kind:
        case "diagonal":
            return Diagonal(value["reach"].number())
        case "multi_diagonal":
            return MultiDiagonal(value["frames"].integer(), value["rows"].number(), value["cols"].number())
        case "vertical_stripe":
            return VerticalStripe(tuple(read_box(box) for box in value["boxes"].items()))
        case "window":
            return Window(
                value["frames"].integer(),
                value["rows"].number(),
                value["cols"].number(),
                value.get("offset_frames", Value.integer, 0),
                value.get("offset_rows", Value.number, 0.0),
                value.get("offset_cols", Value.number, 0.0),
            )
    raise value["kind"].fail(f"unknown pattern {shown_json(kind)}")


def read_pattern(value: Value) -> Pattern:
    kind = value["kind"].text()
    if kind in ("dense", "skip", "mean"):
        return Pattern(kind)
    parts = value["parts"].items() if kind == "union" else [value]
    return Pattern(kind, tuple(read_part(part) for part in parts), value.get("order", read_order, None))


def read_model(value: Value) -> ModelShape:
    stacks = [
        StackShape(s["name"].text(), s["layers"].integer(), s["heads"].integer()) for s in value["stacks"].items()
    ]
    experts = tuple(expert.text() for expert in value["experts"].items())
    return ModelShape(value["family"].text(), experts, tuple(stacks), value["head_dim"].integer())


Heads = tuple[tuple[int, ...], ...]
Precisions = tuple[tuple[str, ...], ...]


def read_heads(value: Value, model: ModelShape, patterns: int) -> tuple[Heads, Precisions]:
    """As Segment has them."""

    def read_head(entry: Value) -> tuple[int, str]:
        precision = PRECISIONS[0]
        if isinstance(entry.raw, dict):
            precision = entry["precision"].text()
            if precision not in PRECISIONS:
                raise entry["precision"].fail(f"unknown precision {shown_json(precision)}")
            entry = entry["pattern"]
        index = entry.integer()
        if not 0 <= index < patterns:
            raise entry.fail(f"pattern {index} is not one of 0..{patterns - 1}")
        return index, precision

    def read_layer(layer: Value, heads: int) -> list[tuple[int, str]]:
        entries = layer.items()
        if len(entries) != heads:
            raise layer.fail(f"{len(entries)} heads, not the {heads} of the model")
        return [read_head(entry) for entry in entries]

    experts = []
    for expert in model.experts:
        flat: list[tuple[int, str]] = []
        for stack in model.stacks:
            layers = value[expert][stack.name].items()
            if len(layers) != stack.layers:
                raise value[expert][stack.name].fail(f"{len(layers)} layers, not the {stack.layers} of the model")
            for layer in layers:
                flat += read_layer(layer, stack.heads)
        experts.append(flat)
    heads = tuple(tuple(index for index, _ in flat) for flat in experts)
    if all(precision == PRECISIONS[0] for flat in experts for _, precision in flat):
        return heads, ()
    return heads, tuple(tuple(precision for _, precision in flat) for flat in experts)


def read_segments(value: Value, model: ModelShape, patterns: int) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    for item in value.items():
        begin, end = item["t_begin"].number(), item["t_end"].number()
        expected = segments[-1].t_end if segments else 0.0
        if begin != expected or end <= begin:
            raise item.fail(f"t_begin {begin}, t_end {end}: segments must follow each other from 0 to 1 without gaps")
        dense = item.get("dense", lambda v: v.of_type(bool, "true or false"), False)
        heads, precisions = ((), ()) if dense else read_heads(item["heads"], model, patterns)
        segments.append(Segment(begin, end, dense, heads, precisions))
    if not segments or segments[-1].t_end != 1.0:
        raise value.fail("segments must follow each other from 0 to 1 without gaps")
    return tuple(segments)


def read_provenance(value: Value) -> dict[str, str]:
    found: dict[str, str] = value.get("provenance", lambda found: dict(found.of_type(dict, "an object")), {})
    return found


GOALS = ("density", "attention_share", "min_psnr_db", "min_speedup")
PLAN_FACTS = ("solved_for", "budget", "dense_first_layers", "fixed_heads", "expert_boundary")
PROFILE_FACTS = ("run", "expert_boundary", "time_weight")


def read_run(value: Value) -> RunFacts:
    def numbers(items: Value) -> tuple[float, ...]:
        return tuple(item.number() for item in items.items())

    grid = value["grid"]
    return RunFacts(
        t=numbers(value["t"]),
        steps=value["steps"].integer(),
        sampler=value.get("sampler", Value.text, None),
        scheduler=value.get("scheduler", Value.text, None),
        shift=value.get("shift", Value.number, None),
        grid=(grid["frames"].integer(), grid["rows"].integer(), grid["cols"].integer()),
        expert=value.get("expert", lambda items: tuple(item.integer() for item in items.items()), ()),
        weight=value.get("weight", numbers, ()),
    )


def read_budget(value: Value) -> Budget:
    goal = value["goal"].text()
    if goal not in GOALS:
        raise value["goal"].fail(f"unknown goal {shown_json(goal)}")
    return Budget(goal, value["value"].number(), value.get("density", Value.number, None))


def read_boundary(value: Value) -> float:
    boundary = value.number()
    if not 0.0 <= boundary <= 1.0:
        raise value.fail(f"{boundary:g} is outside 0..1")
    return boundary


def read_facts(value: Value, run: str, fields: tuple[str, ...]) -> Facts | None:
    """None where none of the fields is there: the file is as version 1.0 had it."""
    if not any(field in value for field in fields):
        return None
    return Facts(
        run=value.get(run, read_run, None),
        budget=value.get("budget", read_budget, None),
        expert_boundary=value.get("expert_boundary", read_boundary, None),
    )


def read(text: str, file_name: str, native: "_twill.Plan | None" = None) -> Plan:
    """Throws Error naming file, path, field and value. `native`: the same plan as the binary module holds it."""
    root = Value(parse_json(text, file_name), file_name)
    version = root["schema_version"]
    if not re.fullmatch(rf"{SCHEMA_MAJOR}\.\d{{1,6}}", version.text()):
        raise version.fail(f"version {shown_json(version.raw)} is not readable here; this is for {SCHEMA_MAJOR}.x")
    model = read_model(root["model"])
    patterns = tuple(read_pattern(pattern) for pattern in root["patterns"].items())
    profile = root.get("profile", lambda value: value, None)
    return Plan(
        name=root["name"].text(),
        model=model,
        patterns=patterns,
        segments=read_segments(root["segments"], model, len(patterns)),
        provenance=read_provenance(root),
        text=text,
        native=native,
        profile_provenance={} if profile is None else read_provenance(profile),
        facts=read_facts(root, "solved_for", PLAN_FACTS),
        profile_facts=None if profile is None else read_facts(profile, "run", PROFILE_FACTS),
    )
