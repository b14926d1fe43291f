# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""_twill.pyi says of the binary module what is there: every name, with its parameters by name and which may be left."""

import ast
import re
from pathlib import Path

import pytest

import twill_vdit
from twill_vdit import native

STUB = Path(twill_vdit.__file__).with_name("_twill.pyi")
# What pybind11 gives every class or wants for pickling; copying is named where a class can be copied.
OF_EVERY_CLASS = {"__init__", "__copy__", "__deepcopy__"}
Parameters = list[tuple[str, bool]]  # name, may be left out

needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")


def parameters_of(node: ast.FunctionDef) -> Parameters:
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
    needed = len(names) - len(node.args.defaults)
    found = [(name, place >= needed) for place, name in enumerate(names)]
    # What C++ does not name cannot be given by name.
    return [("", left) if each in node.args.posonlyargs and name != "self" else (name, left)
            for (name, left), each in zip(found, (*node.args.posonlyargs, *node.args.args), strict=True)]  # fmt: skip


def in_stub(text: str) -> dict[str, Parameters | None]:
    """Name -> parameters; None for what is no function."""
    found: dict[str, Parameters | None] = {}

    def add(prefix: str, body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[prefix + node.name] = None
                add(f"{prefix}{node.name}.", node.body)
            elif isinstance(node, ast.FunctionDef):
                is_property = any(getattr(each, "id", "") == "property" for each in node.decorator_list)
                found[prefix + node.name] = None if is_property else parameters_of(node)
            elif isinstance(node, ast.AnnAssign) and not re.match("_[A-Za-z]", node.target.id):
                found[prefix + node.target.id] = None

    add("", ast.parse(text).body)
    return found


def in_signature(text: str) -> Parameters:
    """pybind11's first line of a docstring: name(a: type, b: type = 0) -> type."""
    inside, depth, parts = text[text.index("(") + 1 :], 0, [""]
    for letter in inside:
        if depth == 0 and letter == ")":
            break
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    named = [re.match(r"\s*(\w+): (.*)", part) for part in parts if part.strip()]
    return [("" if re.fullmatch(r"arg\d", each[1]) else each[1], " = " in each[2]) for each in named]


def in_module() -> dict[str, Parameters | None]:
    found: dict[str, Parameters | None] = {}
    for name, value in vars(native.binary).items():
        if name.startswith("_") and name != "__version__":
            continue
        found[name] = in_signature(value.__doc__) if callable(value) and not isinstance(value, type) else None
        for member, of_class in vars(value).items() if isinstance(value, type) else ():
            described = getattr(value, member).__doc__ or ""
            if member.startswith("_") and (member not in OF_EVERY_CLASS or not described.startswith(f"{member}(")):
                continue
            found[f"{name}.{member}"] = None if isinstance(of_class, property) else in_signature(described)
    return found


@needs_binary
def test_the_stub_is_the_module():
    stub, module = in_stub(STUB.read_text(encoding="utf-8")), in_module()
    assert len(module) > 60
    assert (set(stub) - set(module), set(module) - set(stub)) == (set(), set())
    assert {name: (stub[name], module[name]) for name in stub if stub[name] != module[name]} == {}


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param("def write_file(file: str) -> None: ...", id="parameter_missing"),
        pytest.param("def write_file(path: str, content: bytes) -> None: ...", id="parameter_renamed"),
        pytest.param("def write_file(file: str, content: bytes = b'') -> None: ...", id="default_invented"),
    ],
)
@needs_binary
def test_a_planted_difference_is_seen(planted):
    assert in_stub(planted)["write_file"] != in_module()["write_file"]
