# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The include line shows the layer.

kernels <- core/plan <- search, core/media <- core/report <- core/jobs <- core/cli, gui;
core/plan <- core/engine <- core/jobs.
"""

import ast
import functools
import re

import pytest

import tree

TORCH = r"torch/|ATen/|c10/"
QT = r"Q[A-Z]\w*|Qt\w*/.*"
JSON = r"nlohmann/"
PYTHON = r"pybind11/|Python\.h"

# Path prefix -> what its files may not include (matched at the start of the included name). Every matching row applies.
FORBIDDEN = {
    "kernels/": rf"{TORCH}|{JSON}|{QT}|{PYTHON}|CLI/|twill/(plan|search|media|report|engine|jobs|gui)/",
    "core/plan/": rf"{TORCH}|{QT}|{PYTHON}|CLI/|twill/(search|media|report|engine|jobs|gui)/",
    "core/plan/include/": JSON,
    "search/": rf"{TORCH}|{QT}|{PYTHON}|CLI/|twill/(media|report|engine|jobs|gui)/",
    "core/media/": rf"{TORCH}|{JSON}|{QT}|{PYTHON}|CLI/|twill/(kernels|search|report|engine|jobs|gui)/",
    "core/report/": rf"{TORCH}|{QT}|{PYTHON}|CLI/|twill/(engine|jobs|gui)/",
    "core/report/include/": JSON,
    "core/engine/": rf"{QT}|{PYTHON}|CLI/|twill/(search|media|report|jobs|gui)/|torch/torch\.h",
    "core/jobs/": rf"{QT}|{PYTHON}|CLI/|twill/gui/|torch/torch\.h",
    "core/jobs/include/": rf"{TORCH}|{JSON}|twill/engine/",
    "core/cli/": rf"{TORCH}|{QT}|{PYTHON}|twill/gui/",
    "core/python/": rf"{TORCH}|{QT}|CLI/|twill/(media|engine|jobs|gui)/",
    "gui/": rf"{TORCH}|{PYTHON}|CLI/|twill/engine/",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def include_violations(name: str, text: str) -> list[str]:
    found = []
    for prefix, pattern in FORBIDDEN.items():
        if name.startswith(prefix):
            found += [f"{name} includes <{header}>" for header in INCLUDE.findall(text) if re.match(pattern, header)]
    return found


def test_includes_follow_the_layers():
    looked_at = tree.files_ending(*tree.CPP)
    assert len(looked_at) > 10
    assert [line for name in looked_at for line in include_violations(name, tree.text_of(name))] == []


@pytest.mark.parametrize(
    ("name", "include"),
    [
        pytest.param("kernels/src/a.cpp", "<ATen/ATen.h>", id="torch_in_kernels"),
        pytest.param("kernels/src/a.cu", "<nlohmann/json.hpp>", id="json_in_kernels"),
        pytest.param("kernels/src/a.cpp", '"twill/plan/plan.h"', id="kernels_look_up"),
        pytest.param("core/plan/src/a.cpp", '"twill/search/solver.h"', id="plan_looks_up"),
        pytest.param("core/plan/include/twill/plan/a.h", "<nlohmann/json.hpp>", id="json_in_a_public_header_of_plan"),
        pytest.param("search/src/a.cpp", "<c10/core/Device.h>", id="torch_in_search"),
        pytest.param("core/media/src/a.cpp", "<ATen/core/Tensor.h>", id="tensor_in_media"),
        pytest.param("core/media/include/twill/media/a.h", '"twill/search/solver.h"', id="media_sees_search"),
        pytest.param("core/media/src/a.cpp", '"twill/report/clip_record.h"', id="media_sees_report"),
        pytest.param("core/report/src/a.cpp", "<ATen/ATen.h>", id="torch_in_report"),
        pytest.param("core/report/src/a.cpp", '"twill/engine/model.h"', id="report_sees_engine"),
        pytest.param("core/report/src/a.cpp", '"twill/jobs/job.h"', id="report_sees_jobs"),
        pytest.param("core/report/include/twill/report/a.h", "<nlohmann/json.hpp>", id="json_in_a_header_of_report"),
        pytest.param("search/src/a.cpp", '"twill/report/evaluation.h"', id="search_sees_report"),
        pytest.param("core/engine/src/a.cpp", '"twill/media/video_io.h"', id="engine_sees_media"),
        pytest.param("core/engine/src/a.cpp", "<torch/torch.h>", id="all_of_torch_in_engine"),
        pytest.param("core/engine/src/a.cpp", "<QString>", id="qt_in_engine"),
        pytest.param("core/engine/src/a.cpp", '"twill/search/solver.h"', id="engine_sees_search"),
        pytest.param("core/jobs/include/twill/jobs/a.h", "<ATen/core/Tensor.h>", id="tensor_in_a_jobs_header"),
        pytest.param("core/jobs/include/twill/jobs/a.h", '"twill/engine/attention_hook.h"', id="engine_in_jobs_header"),
        pytest.param("core/python/src/a.cpp", "<torch/extension.h>", id="torch_in_the_python_module"),
        pytest.param("gui/src/a.cpp", "<ATen/ATen.h>", id="torch_in_the_app"),
    ],
)
def test_a_planted_include_is_named(name, include):
    assert include_violations(name, f"// text\n#include {include}\n") != []


def test_an_allowed_include_is_not_named():
    assert (
        include_violations("core/jobs/src/a.cpp", '#include "twill/engine/attention_hook.h"\n#include <queue>\n') == []
    )
    assert include_violations("gui/src/a.cpp", "#include <QWidget>\n#include <QtTest/QTest>\n") == []


# Trees that are read elsewhere may be deeper than what writes, copies and compares them can stand.
PARSES_JSON = {
    "core/plan/include/twill/plan/json_tree.h",
    "core/plan/src/checked_json.cpp",
    "core/plan/src/made_by_twill.cpp",
    "core/engine/src/safetensors_header.cpp",
}
JSON_PARSER = re.compile(r"\b[Jj]son::(?:sax_)?parse\(|\bjson::accept\(|>>\s*(?:json|document|tree)\b")


def test_json_is_parsed_where_its_depth_is_limited():
    code = [
        name for name in tree.files_ending(".cpp", ".h") if name.startswith(("core/", "search/", "gui/", "kernels/"))
    ]
    assert {name for name in code if JSON_PARSER.search(tree.text_of(name))} == PARSES_JSON


# Path prefix -> top-level Python modules that its files may not import.
FORBIDDEN_IMPORTS = {
    "comfy_nodes/": {"_twill", "subprocess", "ctypes", "pybind11"},
    "core/python/twill_vdit/": {"comfy", "comfy_api", "folder_paths", "nodes", "comfy_nodes", "subprocess"},
}


def imported_modules(text: str) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules.add(node.module)
    return modules


def import_violations(name: str, text: str) -> list[str]:
    found = []
    for prefix, forbidden in FORBIDDEN_IMPORTS.items():
        if name.startswith(prefix):
            found += [
                f"{name} imports {module}"
                for module in sorted(imported_modules(text))
                if module.split(".")[0] in forbidden or module == "twill_vdit._twill"
            ]
    return found


def test_python_imports_follow_the_layers():
    assert [line for name in tree.files_ending(".py") for line in import_violations(name, tree.text_of(name))] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param("comfy_nodes/a.py", "import subprocess", id="registry_refuses_subprocess"),
        pytest.param("comfy_nodes/a.py", "from twill_vdit._twill import Plan", id="nodes_reach_past_the_wheel"),
        pytest.param("core/python/twill_vdit/a.py", "import comfy.utils", id="wheel_knows_comfyui"),
    ],
)
def test_a_planted_import_is_named(name, line):
    assert import_violations(name, line) != []


PACKAGE = "core/python/twill_vdit/"


def run_time_nodes(node: ast.AST) -> list[ast.AST]:
    """All nodes below, without what stands under `if TYPE_CHECKING:`."""
    found = []
    for child in ast.iter_child_nodes(node):
        only_types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        children = child.orelse if only_types else [child]
        for each in children:
            found += [each, *run_time_nodes(each)]
    return found


def module_name(file: str) -> str:
    """core/python/twill_vdit/a/b.py -> twill_vdit.a.b"""
    stem = re.sub(r"(/__init__)?\.pyi?$", "", file.removeprefix("core/python/"))
    return stem.replace("/", ".")


def imports_at_run_time(text: str, known: set[str]) -> set[str]:
    """Modules of the package that a module's code imports, inside functions too."""
    found = set()
    for node in run_time_nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                found.add(below if below in known else node.module)
    return found & known


def import_circles(texts: dict[str, str]) -> list[str]:
    """texts: module -> its code. Each circle as "a -> b -> a"."""
    arrows = {module: sorted(imports_at_run_time(text, set(texts)) - {module}) for module, text in texts.items()}
    circles, done = [], set()

    def walk(module: str, way: list[str]) -> None:
        if module in way:
            circles.append(" -> ".join([*way[way.index(module) :], module]))
        elif module not in done:
            for each in arrows[module]:
                walk(each, [*way, module])
            done.add(module)

    for module in arrows:
        walk(module, [])
    return circles


def test_the_python_package_has_no_circle():
    files = [name for name in tree.files_ending(".py", ".pyi") if name.startswith(PACKAGE)]
    assert len(files) > 20
    assert import_circles({module_name(name): tree.text_of(name) for name in files}) == []


@pytest.mark.parametrize(
    ("line", "circles"),
    [
        pytest.param("from p import a", ["p.a -> p.b -> p.a"], id="module"),
        pytest.param("from p.a import name", ["p.a -> p.b -> p.a"], id="name"),
        pytest.param("def f():\n    import p.a", ["p.a -> p.b -> p.a"], id="inside_a_function"),
        pytest.param("if TYPE_CHECKING:\n    from p import a", [], id="for_types_only"),
        pytest.param("import json", [], id="another_package"),
    ],
)
def test_a_planted_circle_is_named(line, circles):
    assert import_circles({"p.a": "from p.b import name", "p.b": line}) == circles


def literal_of(file: str, name: str) -> tuple[str, ...]:
    """The value of a list of texts that stands at the top of a module; empty where there is none."""
    for node in ast.parse(tree.text_of(file)).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return tuple(ast.literal_eval(node.value))
    return ()


@functools.cache
def public_names() -> dict[str, tuple[str, ...]]:
    """What the package says that others may import: module -> names; "" is the package itself."""
    names = {"": (*literal_of(f"{PACKAGE}__init__.py", "__all__"), "__version__")}
    for module in literal_of(f"{PACKAGE}__init__.py", "PUBLIC_MODULES"):
        files = (f"{PACKAGE}{module}.py", f"{PACKAGE}{module}/__init__.py")
        names[module] = next(literal_of(file, "__all__") for file in files if file in tree.files())
    return names


@functools.cache
def modules() -> set[str]:
    """Modules and packages below twill_vdit, one level down."""
    inside = [name.removeprefix(PACKAGE) for name in tree.files_ending(".py") if name.startswith(PACKAGE)]
    return {name.split("/")[0].removesuffix(".py") for name in inside}


def package_uses(text: str) -> set[tuple[str, str]]:
    """(module below twill_vdit, name) that code takes from the package; name "" is the module itself.

    Knows `import twill_vdit.a`, `from twill_vdit.a import name`, the pack's `wheel.package("a")`, and names taken off
    what one of these was bound to.
    """
    nodes, bound, found = list(ast.walk(ast.parse(text))), {}, set()

    def module_of(node: ast.AST | None) -> str | None:
        if isinstance(node, ast.Name):
            return bound.get(node.id)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "wheel.package":
            return node.args[0].value if node.args else ""
        return None

    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "twill_vdit":
                    found.add((alias.name.removeprefix("twill_vdit").removeprefix("."), ""))
                    if alias.asname or alias.name == "twill_vdit":
                        bound[alias.asname or alias.name] = alias.name.removeprefix("twill_vdit").removeprefix(".")
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "twill_vdit":
            module = node.module.removeprefix("twill_vdit").removeprefix(".")
            for alias in node.names:
                if module == "" and alias.name in modules():
                    found.add((alias.name, ""))
                    bound[alias.asname or alias.name] = alias.name
                else:
                    found.add((module, alias.name))
        elif isinstance(node, ast.Assign):
            targets, values = [node.targets[0]], [node.value]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                targets, values = node.targets[0].elts, node.value.elts
            for target, value in zip(targets, values, strict=True):
                if isinstance(target, ast.Name) and module_of(value) is not None:
                    bound[target.id] = module_of(value)
    for node in nodes:
        if isinstance(node, ast.Call) and module_of(node) is not None:
            found.add((module_of(node), ""))
        elif isinstance(node, ast.Attribute) and module_of(node.value) is not None:
            found.add((module_of(node.value), node.attr))
    return found


def private_uses(name: str, text: str) -> list[str]:
    public = public_names()
    return [
        f"{name}: {'.'.join(filter(None, ['twill_vdit', module, used]))} is not public"
        for module, used in sorted(package_uses(text))
        if module not in public or (used and used not in public[module] and used not in public)
    ]


def test_the_node_pack_uses_public_names_only():
    files = [name for name in tree.files_ending(".py") if name.startswith("comfy_nodes/")]
    used = set().union(*(package_uses(tree.text_of(name)) for name in files))
    assert used >= {("", "Error"), ("search", "SearchRun")}
    assert [line for name in files for line in private_uses(name, tree.text_of(name))] == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("from twill_vdit.backends import Call", id="name_of_a_private_module"),
        pytest.param("from twill_vdit import backends", id="private_module"),
        pytest.param("import twill_vdit.native", id="private_module_by_its_whole_name"),
        pytest.param("from twill_vdit.search import _Call", id="private_name"),
        pytest.param("import twill_vdit as t\nt.native", id="through_another_name"),
        pytest.param('wheel.package("tile_lists").dense_tiles(layout)', id="through_the_packs_door"),
        pytest.param('package = wheel.package()\npackage.errors', id="kept_from_the_packs_door"),
    ],
)  # fmt: skip
def test_a_planted_private_use_is_named(line):
    assert private_uses("planted", line) != []


def test_a_public_use_is_not_named():
    lines = 'from twill_vdit import Plan, search\nsearch.solve\nwheel.package("texts").json_text({})'
    assert private_uses("planted", lines) == []


PACK = "comfy_nodes/twill_nodes/"


def pack_imports(file: str) -> tuple[set[str], bool]:
    """(files of the pack that a file of it imports on being loaded, whether it then imports twill_vdit)."""
    found, needs = set(), False
    for node in loaded_nodes(ast.parse(tree.text_of(file))):
        if isinstance(node, ast.Import):
            needs |= any(alias.name.split(".")[0] == "twill_vdit" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            needs |= node.module.split(".")[0] == "twill_vdit"
        elif isinstance(node, ast.ImportFrom):
            parts = file.split("/")[: -node.level] + (node.module or "").split(".")
            folder = "/".join(filter(None, parts))
            names = [folder, *(f"{folder}/{alias.name}" for alias in node.names)]
            found |= {each for name in names for each in (f"{name}.py", f"{name}/__init__.py")} & set(tree.files())
    return found, needs


def loaded_nodes(node: ast.AST) -> list[ast.AST]:
    """As run_time_nodes, without what stands inside functions."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return []
    found = []
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")):
            found += [child, *loaded_nodes(child)]
    return found


def test_the_node_pack_loads_without_the_package():
    seen, waiting = set(), [f"{PACK}extension.py"]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            imported, needs = pack_imports(file)
            assert not needs, f"{file} imports twill_vdit and is loaded with the nodes"
            waiting += imported
    assert {f"{PACK}wheel.py", f"{PACK}nodes/choice.py", f"{PACK}patch/notify.py"} <= seen


def test_an_import_of_the_package_is_seen():
    imported, needs = pack_imports(f"{PACK}patch/apply.py")
    assert needs and f"{PACK}layouts/__init__.py" in imported
