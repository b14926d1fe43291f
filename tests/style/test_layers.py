# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The include line shows the layer: kernels <- core/plan <- search, core/engine <- core/jobs <- core/cli, gui."""

import ast
import re

import pytest

import tree

TORCH = r"torch/|ATen/|c10/"
QT = r"Q[A-Z]\w*|Qt\w*/.*"
JSON = r"nlohmann/"
PYTHON = r"pybind11/|Python\.h"

# Path prefix -> what its files may not include (matched at the start of the included name). Every matching row applies.
FORBIDDEN = {
    "kernels/": rf"{TORCH}|{JSON}|{QT}|{PYTHON}|CLI/|twill/(plan|search|engine|jobs|gui)/",
    "core/plan/": rf"{TORCH}|{QT}|{PYTHON}|CLI/|twill/(search|engine|jobs|gui)/",
    "core/plan/include/": JSON,
    "search/": rf"{TORCH}|{QT}|{PYTHON}|CLI/|twill/(engine|jobs|gui)/",
    "core/engine/": rf"{QT}|{PYTHON}|CLI/|twill/(search|jobs|gui)/|torch/torch\.h",
    "core/jobs/": rf"{QT}|{PYTHON}|CLI/|twill/gui/|torch/torch\.h",
    "core/jobs/include/": rf"{TORCH}|{JSON}|twill/engine/",
    "core/cli/": rf"{TORCH}|{QT}|{PYTHON}|twill/gui/",
    "core/python/": rf"{TORCH}|{QT}|CLI/|twill/(engine|jobs|gui)/",
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
