# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The archive for the ComfyUI registry: what is in it, and what is refused."""

import importlib.util
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("comfy_archive", ROOT / "installer" / "comfy_archive.py")
comfy_archive = importlib.util.module_from_spec(spec)
spec.loader.exec_module(comfy_archive)

pytestmark = pytest.mark.skipif(
    subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True).returncode != 0, reason="no git repository"
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    out = tmp_path_factory.mktemp("archive") / "twill.zip"
    comfy_archive.build(out)
    return out


def test_the_registry_can_take_it(archive):
    assert comfy_archive.wrong_with(archive) == []
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    assert not [name for name in names if name.startswith("pictures/") or "__pycache__" in name]
    nodes = {path.stem for path in (ROOT / "comfy_nodes" / "web" / "docs").glob("*.md")}
    for node in nodes:
        assert f"web/docs/{node}.md" in names and f"web/docs/{node}/zh.md" in names
    assert len([name for name in names if name.startswith("example_workflows/")]) % 2 == 0


def test_the_same_files_give_the_same_archive(archive, tmp_path):
    comfy_archive.build(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_it_has_the_projects_version():
    """The number stands in CMakeLists.txt; the pack's own file must follow."""
    (version,) = re.findall(r"project\(\s*twill\s+VERSION\s+([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
    about = (ROOT / "comfy_nodes" / "pyproject.toml").read_text()
    assert f'version = "{version}"' in about and f'"twill-vdit=={version}"' in about


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        pytest.param("nodes.py", "import subprocess\n", "nodes.py: line 1 imports subprocess", id="subprocess"),
        pytest.param("nodes.py", "x = eval('1')\n", "nodes.py: line 1 calls eval", id="eval"),
        pytest.param("nodes.py", "def f(:\n", "nodes.py: is no Python", id="syntax"),
        pytest.param("kernel.so", "", "kernel.so: is of a kind", id="binary"),
    ],
)
def test_what_does_not_belong_is_named(name, text, sentence, archive, tmp_path):
    changed = tmp_path / "changed.zip"
    changed.write_bytes(archive.read_bytes())
    with zipfile.ZipFile(changed, "a") as opened:
        opened.writestr(name, text)
    assert any(sentence in problem for problem in comfy_archive.wrong_with(changed))


def test_a_missing_part_is_named(archive, tmp_path):
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(tmp_path / "part.zip", "w") as part:
        for name in whole.namelist():
            if name != "requirements.txt":
                part.writestr(name, whole.read(name))
    assert comfy_archive.wrong_with(tmp_path / "part.zip") == ["requirements.txt is missing"]
