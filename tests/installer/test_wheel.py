# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The wheels as pip makes them: what is inside, and that they install, work and go without a trace."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_MEGABYTES = 32  # the demo model is 27.7 MB of it before compression

CARRIED = {
    "twill_vdit/__init__.py",
    "twill_vdit/__main__.py",
    "twill_vdit/_twill.pyi",
    "twill_vdit/_version.py",
    "twill_vdit/py.typed",
    "twill_vdit/kernel_sources/include/twill/kernels/cuda_words.h",
    "twill_vdit/kernel_sources/src/cuda/portable/shapes.cuh",
    "twill_vdit/kernel_sources/src/cuda/side_kernels.cuh",
    "twill_vdit/diffusers/__init__.py",
    "twill_vdit/running/__init__.py",
    "twill_vdit/runtime_kernels/__init__.py",
    "twill_vdit/presets/models.json",
    "twill_vdit/presets/plan.schema.json",
    *(f"twill_vdit/presets/demo/{name}" for name in ("model.json", "prompts_search.txt")),
    *(f"twill_vdit/presets/demo/{name}.safetensors" for name in ("dit", "vae", "text")),
}


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def unexpected(names: set[str]) -> set[str]:
    """Presets are data; sources of the demo model, pictures and measurements stay in the repository."""
    return {
        name
        for name in names
        if name.startswith("twill_vdit/presets/")
        and (name.endswith((".py", ".sh", ".md", ".webp", ".png", "metrics.json")) or "/sources/" in name)
    }


@pytest.mark.slow
def test_the_binary_wheel_carries_what_it_should(binary_wheel):
    names = names_in(binary_wheel)
    assert CARRIED - names == set()
    assert unexpected(names) == set()
    binaries = [name for name in names if name.endswith(".so")]
    assert [name.startswith("twill_vdit/_twill.") for name in binaries] == [True]
    assert binary_wheel.stat().st_size < MOST_MEGABYTES * 10**6


@pytest.mark.slow
def test_the_binary_wheel_needs_only_what_every_linux_has(binary_wheel, tmp_path):
    """auditwheel gives it a manylinux tag and copies no library into it."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(tmp_path), str(binary_wheel)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    (repaired,) = tmp_path.glob("*.whl")
    assert "-manylinux_2_" in repaired.name
    assert {name for name in names_in(repaired) if not name.endswith("/")} == names_in(binary_wheel)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["binary_wheel", "pure_wheel"])
def test_it_installs_works_and_goes_without_a_trace(which, request):
    """In an environment of its own: the doctor with and without torch, the tests of the package, removal."""
    wheel = request.getfixturevalue(which)
    command = ["bash", str(ROOT / "installer/test_wheel.sh"), str(wheel), sys.executable]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWILL_")}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1200)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert f"Installed, tested and removed: {wheel.name}" in result.stdout


@pytest.mark.slow
def test_the_pure_wheel_fits_every_python_and_system(pure_wheel):
    assert pure_wheel.name.endswith("-py3-none-any.whl")
    names = names_in(pure_wheel)
    assert CARRIED - names == set()
    assert unexpected(names) == set()
    assert not [name for name in names if name.endswith((".so", ".pyd", ".cpp", ".cu"))]
    assert [name for name in names if name.endswith(".h") and not name.startswith("twill_vdit/kernel_sources/")] == []


# What a wheel's package makes of the kernels' texts in its own folder; the first NVRTC compiles, where it is there.
TRY_TEXTS = """
import sys
import twill_vdit
from twill_vdit.runtime_kernels import compiling, entries, sources
assert sources.folder() == __import__("pathlib").Path(twill_vdit.__file__).parent / "kernel_sources", sources.folder()
texts = {instance.name: compiling.text_of(instance) for instance in entries.every_instance()}
assert len(texts) > 10
if compiling.why_not():
    print("not compiled:", compiling.why_not())
else:
    for instance in (entries.GATHER, entries.ENTRIES[-1].instance("bfloat16", 128)):
        print("compiled", instance.name, len(compiling.compile_instance(instance, 80).code))
"""


@pytest.mark.slow
@pytest.mark.parametrize("which", ["binary_wheel", "pure_wheel"])
def test_the_kernels_travel_as_text_and_compile_from_there(which, request, tmp_path):
    with zipfile.ZipFile(request.getfixturevalue(which)) as archive:
        archive.extractall(tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWILL_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", TRY_TEXTS]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    print(result.stdout)
    assert "compiled" in result.stdout
