# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""A version that has to stand in two places is the same in both."""

import re
import tomllib

import tree


def version_in(name: str, pattern: str) -> str:
    return re.search(pattern, tree.text_of(name)).group(1)


def test_the_version_of_twill_is_one():
    cmake = version_in("CMakeLists.txt", r"project\(twill VERSION ([\d.]+)")
    pyproject = tomllib.loads(tree.text_of("pyproject.toml"))
    assert pyproject["project"]["dynamic"] == ["version"]
    source = pyproject["tool"]["scikit-build"]["metadata"]["version"]
    assert version_in(source["input"], source["regex"].replace("?P<value>", "")) == cmake


def test_commit_hooks_use_the_versions_of_the_tests():
    pinned = re.findall(
        r"^(ruff|clang-format)==([\d.]+)$", tree.text_of("installer/requirements-test.txt"), re.MULTILINE
    )
    assert len(pinned) == 2
    for name, version in pinned:
        assert set(re.findall(rf"{name}==([\d.]+)", tree.text_of(".pre-commit-config.yaml"))) == {version}
