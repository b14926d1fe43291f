# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Machine instructions of a CUDA kernel: NVRTC compiles, nvdisasm lists them. No GPU is needed."""

import collections
import ctypes
import subprocess
import sysconfig
import tempfile
from pathlib import Path

_PACKAGES = Path(sysconfig.get_paths()["purelib"])


def _find(name: str) -> str:
    return str(next(path for path in sorted(_PACKAGES.glob("nvidia/**/*")) if path.name.startswith(name)))


_NVRTC = ctypes.CDLL(_find("libnvrtc.so"))


def _text_of(program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(_NVRTC, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(_NVRTC, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw


def instructions(source: str, architecture: str) -> collections.Counter[str]:
    """How often each opcode stands in the compiled kernels of `source`, options without the operands; NOPs left out."""
    program = ctypes.c_void_p()
    _NVRTC.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"finding.cu", 0, None, None)
    options = (ctypes.c_char_p * 1)(f"--gpu-architecture={architecture}".encode())
    if _NVRTC.nvrtcCompileProgram(program, 1, options) != 0:
        raise RuntimeError(_text_of(program, "ProgramLog").decode())
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(_text_of(program, "CUBIN"))
        cubin.flush()
        listing = subprocess.run(
            [_find("nvdisasm"), "-c", cubin.name], check=True, capture_output=True, text=True
        ).stdout
    found: collections.Counter[str] = collections.Counter()
    for line in listing.splitlines():
        if line.strip().startswith("/*") and ";" in line:
            words = line.split("*/", 1)[1].split()
            found[words[1 if words[0].startswith("@") else 0].rstrip(";")] += 1
    del found["NOP"]
    return found


def starting(found: collections.Counter[str], *names: str) -> dict[str, int]:
    """Those of `found` whose opcode starts with one of `names`, sorted."""
    return {name: count for name, count in sorted(found.items()) if name.startswith(names)}


def mma(shape: str, types: str, registers: tuple[int, int, int], accumulator: str = "f") -> str:
    """A kernel with one mma.sync; registers of D (and C), A and B of a thread, accumulator "f" (float) or "r" (int)."""
    d, a, b = registers
    kind = "float" if accumulator == "f" else "int"

    def names(first: int, count: int) -> str:
        return "{" + ", ".join(f"%{first + i}" for i in range(count)) + "}"

    outputs = ", ".join(f'"+{accumulator}"(d[{i}])' for i in range(d))
    inputs = ", ".join([f'"r"(a[{i}])' for i in range(a)] + [f'"r"(b[{i}])' for i in range(b)])
    return f"""extern "C" __global__ void kernel({kind}* out, const unsigned* in) {{
  {kind} d[{d}]; unsigned a[{a}], b[{b}];
  for (int i = 0; i < {d}; i++) d[i] = out[i * 32 + threadIdx.x];
  for (int i = 0; i < {a}; i++) a[i] = in[i * 32 + threadIdx.x];
  for (int i = 0; i < {b}; i++) b[i] = in[(i + {a}) * 32 + threadIdx.x];
  asm volatile("mma.sync.aligned.{shape}.row.col.{types} "
               "{names(0, d)}, {names(d, a)}, {names(d + a, b)}, {names(0, d)};"
               : {outputs} : {inputs});
  for (int i = 0; i < {d}; i++) out[i * 32 + threadIdx.x] = d[i];
}}"""
