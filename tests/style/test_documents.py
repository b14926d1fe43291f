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
FOLDERS = "kernels|core|search|presets|comfy_nodes|gui|tests|installer|findings"
# A path below one of our folders; one with a placeholder such as <name>, * or {a,b} is not looked up.
PATH = re.compile(rf"(?<![\w./<-])((?:{FOLDERS})/[\w./-]*)(?![\w<*{{])")
VERBS = ("generate", "search", "evaluate", "plan", "report", "bench", "doctor")


def presets() -> set[str]:
    listed = json.loads(tree.text_of("CMakePresets.json"))
    kinds = ("configurePresets", "buildPresets", "testPresets")
    return {preset["name"] for kind in kinds for preset in listed[kind] if not preset.get("hidden")}


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


def names_in_cpp(table: str = "kPatternNames", header: str = "core/plan/include/twill/plan/pattern.h") -> list[str]:
    rows = re.search(rf"{table}\{{\{{(.*?)\}}\}};", tree.text_of(header), re.DOTALL)
    return re.findall(r'"(\w+)"', rows.group(1))


def names_in_schema(field: str = "kind") -> set[str]:
    """Every value that the schema allows for a field of that name."""
    allowed: set[str] = set()

    def walk(node: object) -> None:
        if isinstance(node, dict):
            kind = node.get("properties", {}).get(field, {}) if isinstance(node.get("properties"), dict) else {}
            values = [*kind.get("enum", []), *([kind["const"]] if "const" in kind else [])]
            allowed.update(value for value in values if isinstance(value, str))
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(json.loads(tree.text_of("presets/plan.schema.json")))
    return allowed


def names_in_python(table: str = "PATTERN_NAMES", module: str = "patterns.py") -> list[str]:
    for node in ast.parse(tree.text_of(f"core/python/twill_vdit/{module}")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == table:
            return list(ast.literal_eval(node.value))
    raise AssertionError(f"no {table} in {module}")


def test_goals_are_one_list():
    goals = names_in_cpp("kGoalNames", "core/plan/include/twill/plan/run_facts.h")
    assert len(goals) == 4
    assert goals == names_in_python("GOALS", "plan_json.py")
    assert set(names_in_python("GOALS", "plan_json.py")) == names_in_schema("goal")


def test_predictions_are_one_list():
    schema = json.loads(tree.text_of("presets/models.schema.json"))
    allowed = schema["$defs"]["model"]["properties"]["prediction"]["enum"]
    assert names_in_cpp("kPredictionNames", "core/plan/include/twill/plan/model_families.h") == allowed


def test_pattern_names_are_one_list():
    assert len(names_in_cpp()) >= 8
    assert names_in_python() == names_in_cpp()
    assert set(names_in_cpp()) <= names_in_schema()


# (table, the header that has it, what else may write its names: the language of another list)
TABLES = [
    ("kDtypeNames", "kernels/include/twill/kernels/dtype_names.h", ("core/python/twill_vdit/tensors.py",)),
    ("kSamplerNames", "core/plan/include/twill/plan/sampler_times.h", ()),
    ("kPromptWeightsNames", "core/plan/include/twill/plan/prompt_weights.h", ()),
    ("kPolicyNames", "search/include/twill/search/policies.h", ()),
]


@pytest.mark.parametrize(("table", "header", "others"), TABLES, ids=[row[0] for row in TABLES])
def test_names_are_listed_once(table, header, others):
    names = names_in_cpp(table, header)
    assert len(names) == len(set(names)) > 1
    listed = re.compile(".{0,80}".join(re.escape(f'"{name}"') for name in names), re.DOTALL)
    programs = [name for name in tree.files_ending(*tree.CPP, ".py") if not name.startswith(("tests/", "presets/"))]
    assert [name for name in programs if listed.search(tree.text_of(name))] == sorted({header, *others})


def test_models_are_listed_once():
    """Facts of the families are presets/models.json; a program may name a model or two, but holds no list of them.

    What makes presets names the model that each is of.
    """
    names = [f'"{model["name"]}"' for model in json.loads(tree.text_of("presets/models.json"))["models"]]
    makers = ("tests/", "presets/makers/")
    programs = [name for name in tree.files_ending(*tree.CPP, ".py") if not name.startswith(makers)]
    listed = {name: [each for each in names if each in tree.text_of(name)] for name in programs}
    assert {name for name, found in listed.items() if len(found) > 2} == set()


def test_a_list_of_another_language_has_the_same_names():
    text = tree.text_of("core/python/twill_vdit/tensors.py")
    assert re.findall(r'torch\.\w+: "(\w+)"', text) == names_in_cpp(*TABLES[0][:2])
