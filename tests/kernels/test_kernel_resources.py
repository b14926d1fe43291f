# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every CUDA source compiles for every architecture that it is for, and ptxas says that no kernel spills registers."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CUDA = ROOT / "kernels/src/cuda"
NVCC = shutil.which("nvcc")
CCACHE = shutil.which("ccache")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NVCC is None, reason="no nvcc")]


def default_architectures():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r'set\(TWILL_CUDA_ARCHITECTURES "([^"]+)"', text)[1].split(";")


def architectures_of(source):
    """As kernels/CMakeLists.txt has them."""
    if source.parent.name == "sm90":
        return ["90a-real"]
    left_out = {"roomy": r"86|89|12\d", "compact": r"10\d"}.get(source.name.split("_")[0])
    names = [name for name in default_architectures() if left_out is None or not re.match(left_out, name)]
    # The two dtypes differ in conversions alone, and half of the minutes are worth more: fp16 for one architecture.
    return names[:1] if source.stem.endswith("_f16") else names


def generated(architecture):
    """nvcc's options for an entry of CMAKE_CUDA_ARCHITECTURES."""
    number = architecture.removesuffix("-real")
    codes = [f"sm_{number}"] if architecture.endswith("-real") else [f"sm_{number}", f"compute_{number}"]
    return ["-gencode", f"arch=compute_{number},code=[{','.join(codes)}]"]


# Bytes of stores and loads that ptxas may spill, by folder or source: the Hopper kernel spills once for each item, and
# at head_dim 128 where scores are computed again; of its loop three words are in memory there.
ALLOWED = {"sm90": 168}
SOURCES = sorted(CUDA.rglob("*.cu"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_no_kernel_spills(source, tmp_path):
    architectures = architectures_of(source)
    options = [option for architecture in architectures for option in generated(architecture)]
    launcher = [CCACHE] if CCACHE else []  # keeps what the compiler says, too
    command = [*launcher, NVCC, "-std=c++20", "-O3", "-Xptxas", "-v", "-I", ROOT / "kernels/include", *options]
    result = subprocess.run(
        [*map(str, command), "-c", str(source), "-o", str(tmp_path / "made.o")], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-4000:]
    kernels = re.findall(
        r"Compiling entry function '(\w+)' for '(\w+)'.*?(\d+) bytes spill stores, (\d+) bytes spill loads",
        result.stderr,
        re.DOTALL,
    )
    compiled_for = {architecture for _, architecture, _, _ in kernels}
    assert compiled_for == {f"sm_{name.removesuffix('-real')}" for name in architectures}, result.stderr[-4000:]
    folder = source.parent.name
    allowed = ALLOWED.get(f"{folder}/{source.stem}", ALLOWED.get(folder, 0))
    spilling = [kernel for kernel in kernels if max(int(kernel[2]), int(kernel[3])) > allowed]
    assert spilling == []
