# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""installer/install_comfy.py on a folder that looks like ComfyUI's, with an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = "0.1.0"


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "pack"
    (folder / "nodes/__pycache__").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "twill"\nversion = "{VERSION}"\n')
    (folder / "__init__.py").write_text("# the pack\n")
    (folder / "nodes/apply.py").write_text("# a node\n")
    (folder / "nodes/__pycache__/apply.pyc").write_text("not to be copied")
    (folder / ".comfyignore").write_text("not to be copied")
    return folder


@pytest.fixture
def comfyui(tmp_path):
    folder = tmp_path / "ComfyUI"
    for part in ("custom_nodes", "models"):
        (folder / part).mkdir(parents=True)
    (folder / "main.py").write_text("")
    (folder / "comfyui_version.py").write_text('__version__ = "0.30.0"\n')
    return folder


@pytest.fixture
def made_up_python(comfyui):
    """A Python that answers as the tests like it."""

    def answer(versions, doctor='{"problems": []}'):
        program = comfyui / ".venv/bin/python"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\ncase $1 in -c) echo '{versions}';; *) echo '{doctor}';; esac\n")
        program.chmod(0o755)

    answer('{"torch": "2.13.0+cpu", "twill-vdit": "0.1.0"}')
    return answer


def run(comfyui, pack, *arguments):
    command = [sys.executable, ROOT / "installer/install_comfy.py", comfyui, "--pack", pack, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def check(comfyui, pack, *arguments):
    """(exit code, the sentences of what is wrong)"""
    result = run(comfyui, pack, "--check", *arguments)
    return result.returncode, [line.removeprefix("wrong: ") for line in result.stderr.splitlines()]


def put_pack(comfyui, pack):
    target = comfyui / "custom_nodes/twill"
    for name in ("pyproject.toml", "__init__.py", "nodes/apply.py"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((pack / name).read_bytes())
    return target


def test_a_whole_installation_is_in_order(comfyui, pack, made_up_python):
    target = put_pack(comfyui, pack)
    (target / "nodes/__pycache__").mkdir()
    (target / "nodes/__pycache__/apply.pyc").write_text("of its last run")
    assert check(comfyui, pack) == (0, [])
    assert f"ComfyUI 0.30.0 has Twill {VERSION}" in run(comfyui, pack, "--check").stdout


def test_what_is_wrong_is_said_in_sentences(comfyui, pack, made_up_python):
    python = comfyui / ".venv/bin/python"
    (comfyui / "comfyui_version.py").write_text('__version__ = "0.29.1"\n')
    made_up_python('{"torch": "2.3.1", "twill-vdit": ""}')
    assert check(comfyui, pack) == (
        1,
        [
            f"{comfyui}: ComfyUI 0.29.1 is older than 0.30; update it",
            f"{python}: torch 2.3.1 is older than 2.4",
            f"{python}: twill-vdit is not installed there; install it, or run this without --check",
            f"{comfyui / 'custom_nodes/twill'}: the node pack is not installed",
        ],
    )


def test_other_versions_and_damaged_files_are_named(comfyui, pack, made_up_python):
    target = put_pack(comfyui, pack)
    (target / "nodes/apply.py").write_text("# half a no")
    (comfyui / "custom_nodes/twill-copy").mkdir()
    (comfyui / "custom_nodes/twill-copy/pyproject.toml").write_text('name = "twill"\n')
    made_up_python('{"torch": "2.13.0", "twill-vdit": "0.0.9"}', '{"problems": ["dit.safetensors: half copied"]}')
    assert check(comfyui, pack) == (
        1,
        [
            f"twill-vdit 0.0.9 is installed, the node pack is for {VERSION}",
            "dit.safetensors: half copied",
            f"{target}: 1 files are not those of this version, nodes/apply.py first; install again",
            f"{comfyui / 'custom_nodes/twill-copy'}: a second copy of the node pack; remove one of the two",
        ],
    )


def test_a_wheel_that_does_not_run_is_named(comfyui, pack, made_up_python):
    put_pack(comfyui, pack)
    made_up_python('{"torch": "2.13.0", "twill-vdit": "0.1.0"}', "")
    python = comfyui / ".venv/bin/python"
    assert check(comfyui, pack) == (1, [f"twill-vdit does not run in {python}: it said nothing"])


def test_other_folders_and_pythons_are_refused(comfyui, pack, tmp_path):
    assert check(comfyui, pack) == (
        1,
        [f"{comfyui}: ComfyUI's Python was not found beside it; name it with --python"],
    )
    assert check(tmp_path, pack) == (1, [f"{tmp_path}: no ComfyUI's folder, main.py is not there"])
    assert check(comfyui, pack, "--python", tmp_path / "no") == (1, [f"{tmp_path / 'no'}: no such program"])
    assert check(comfyui, pack, "--python", "/bin/true") == (1, ["/bin/true: does not run as a Python"])


@pytest.mark.slow
def test_it_installs_the_pure_wheel_checks_and_removes(comfyui, pack, pure_wheel):
    """Into a new environment that borrows numpy and torch from the one of the tests."""
    environment = comfyui / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (site,) = environment.glob("lib/*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed))
    before = set(comfyui.rglob("*"))
    assert check(comfyui, pack)[0] == 1
    assert set(comfyui.rglob("*")) == before  # looking changes nothing

    result = run(comfyui, pack, "--wheel", pure_wheel)
    assert (result.returncode, result.stderr) == (0, "")
    target = comfyui / "custom_nodes/twill"
    assert sorted(str(file.relative_to(target)) for file in target.rglob("*.*")) == [
        "__init__.py", "nodes/apply.py", "pyproject.toml",
    ]  # fmt: skip
    assert run(comfyui, pack, "--wheel", pure_wheel).returncode == 0  # again, over the last one
    assert check(comfyui, pack) == (0, [])
    (site / "twill_vdit/presets/demo/vae.safetensors").write_bytes(b"half")
    code, wrong = check(comfyui, pack)
    assert code == 1
    assert "vae.safetensors: 4 bytes are no safetensors file; copy it again" in wrong[0]

    (comfyui / "models/sparse_plans").mkdir()
    assert run(comfyui, pack, "--remove").returncode == 0
    left = {path for path in set(comfyui.rglob("*")) - before if "__pycache__" not in path.parts}
    assert left == {comfyui / "models/sparse_plans"}
