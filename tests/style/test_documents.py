# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Documents name only what exists: files, presets, verbs of the command line; and pattern names agree everywhere."""

import ast
import json
import re

import pytest

import tree

CODE_BLOCK = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = "kernels|core|search|presets|comfy_nodes|gui|tests|installer"
# A path below one of our folders; one with a placeholder such as <name>, * or {a,b} is not looked up.
PATH = re.compile(rf"(?<![\w./<-])((?:{FOLDERS})/[\w./-]*)(?![\w<*{{])")
VERBS = ("generate", "search", "evaluate", "plan", "report", "bench", "doctor")


def presets() -> set[str]:
    listed = json.loads(tree.text_of("CMakePresets.json"))["configurePresets"]
    return {preset["name"] for preset in listed if not preset.get("hidden")}


def commands(text: str) -> list[str]:
    return [line.strip() for block in CODE_BLOCK.findall(text) for line in block.splitlines() if line.strip()]


def problems(document: str, text: str) -> list[str]:
    code = commands(text)
    found = []
    for piece in [*code, *INLINE_CODE.findall(text)]:
        for path in PATH.findall(piece):
            if not (tree.ROOT / path.rstrip(".")).exists():
                found.append(f"{document}: {path} does not exist")
        for preset in re.findall(r"--preset[ =](\w[\w-]*)", piece):
            if preset not in presets():
                found.append(f"{document}: no preset {preset} in CMakePresets.json")
    for line in code:
        verb = re.match(r"(?:\S*/)?twill (\w+)", line)
        if verb and verb.group(1) not in VERBS:
            found.append(f"{document}: twill has no verb {verb.group(1)}")
    return found


@pytest.mark.parametrize("document", tree.files_ending(".md"))
def test_documents_name_what_exists(document):
    assert problems(document, tree.text_of(document)) == []


@pytest.mark.parametrize(
    "text",
    ["```bash\nbash installer/nothing.sh\n```\n", "see `core/nowhere/a.h`", "```sh\ncmake --preset best\n```\n",
     "```bash\ntwill dance\n```\n"],
    ids=["script", "inline_path", "preset", "verb"],
)  # fmt: skip
def test_a_planted_mistake_is_named(text):
    assert problems("planted", text) != []


def test_there_is_a_readme_with_commands_and_a_guide():
    assert any(line.startswith("bash installer/demo.sh") for line in commands(tree.text_of("README.md")))
    assert any(line.startswith("bash installer/test.sh") for line in commands(tree.text_of("CONTRIBUTING.md")))


def names_in_cpp() -> list[str]:
    table = re.search(r"kPatternNames\{\{(.*?)\}\};", tree.text_of("core/plan/include/twill/plan/pattern.h"), re.DOTALL)
    return re.findall(r'"(\w+)"', table.group(1))


def names_in_schema() -> set[str]:
    """Every value that the schema allows for a field called kind."""
    allowed: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            kind = node.get("properties", {}).get("kind", {}) if isinstance(node.get("properties"), dict) else {}
            values = [*kind.get("enum", []), *([kind["const"]] if "const" in kind else [])]
            allowed.update(value for value in values if isinstance(value, str))
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(json.loads(tree.text_of("presets/plan.schema.json")))
    return allowed


def names_in_python() -> list[str]:
    for node in ast.parse(tree.text_of("core/python/twill_vdit/patterns.py")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PATTERN_NAMES":
            return list(ast.literal_eval(node.value))
    raise AssertionError("no PATTERN_NAMES in patterns.py")


def test_pattern_names_are_one_list():
    assert len(names_in_cpp()) >= 8
    assert names_in_python() == names_in_cpp()
    assert set(names_in_cpp()) <= names_in_schema()
