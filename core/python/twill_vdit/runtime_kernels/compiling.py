# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Sources -> machine code of one kernel for one kind of card, by NVRTC."""

import ctypes
import functools
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

from twill_vdit.runtime_kernels import sources
from twill_vdit.runtime_kernels.entries import MEAN_CHUNKS, Instance
from twill_vdit.runtime_kernels.structs import OFFSET_OF_NVRTC, layout_checks
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE

INSTALL = 'cuda-core is not installed, which compiles the CUDA kernels here; pip install "twill-vdit[cuda]"'


class CompileError(RuntimeError):
    """NVRTC does not compile the kernels on this machine, in one sentence."""


@dataclass(frozen=True)
class Compiled:
    """Machine code of one kernel.

    Attributes:
        code: a cubin, or PTX where NVRTC does not know the card.
        is_ptx: which of them.
        symbol: of the kernel in it.
        facts: values of the instance's facts.
    """

    code: bytes
    is_ptx: bool
    symbol: str
    facts: tuple[int, ...]


def text_of(instance: Instance) -> str:
    """What is compiled: the sources, what this package takes for granted of them, and a kernel that bears the facts."""
    facts = ", ".join(f"int kFact{i}" for i in range(len(instance.facts)))
    return f"""{sources.text_of(instance.source)}
#line 1 "twill_vdit"
{OFFSET_OF_NVRTC}{layout_checks(instance.arguments)}{instance.checks}
namespace twill::kernels {{
static_assert(kQueryTile == {QUERY_TILE} && kKeyTile == {KEY_TILE} && kMeanChunks == {MEAN_CHUNKS});
template <{facts}>
__global__ void launch_facts() {{}}
}}
"""


def _qualified(expression: str) -> str:
    """With every name that stands below twill::kernels written out: a::B<c::D>::e has two."""
    return re.sub(r"(?<![\w:])(?=\w+::)", "twill::kernels::", expression)


def _read_facts(symbol: str) -> tuple[int, ...]:
    """Template arguments stand in a symbol as Li128E."""
    return tuple(map(int, re.findall(r"Li(\d+)E", symbol)))


@functools.cache
def _load_nvrtc_of_torch() -> None:
    """On Windows torch brings NVRTC in its own folder, where cuda-core looks only when it is loaded already."""
    if os.name == "nt":
        import torch

        for file in (Path(torch.__file__).parent / "lib").glob("nvrtc64_*.dll"):
            ctypes.WinDLL(str(file))  # type: ignore[attr-defined,unused-ignore]


def nvrtc_version() -> tuple[int, int]:
    """Of the NVRTC that compiles.

    Raises:
        CompileError: cuda-core is not installed, or NVRTC is not found.
    """
    try:
        from cuda.bindings import nvrtc
        from cuda.core import Program  # noqa: F401
    except ImportError:
        raise CompileError(INSTALL) from None
    _load_nvrtc_of_torch()
    try:
        error, major, minor = nvrtc.nvrtcVersion()
    except Exception as trouble:  # of several kinds, by version and by what is missing
        raise CompileError(f"NVRTC was not found: {_first_line(trouble)}") from None
    if int(error) != 0:
        raise CompileError(f"NVRTC does not answer: {error!s}")
    return major, minor


@functools.cache
def why_not() -> str:
    """Empty when kernels can be compiled here, as far as can be told without trying."""
    try:
        nvrtc_version()
    except CompileError as error:
        return str(error)
    return ""


def options_for(capability: int) -> tuple[str, str]:
    """(architecture, "cubin" or "ptx"): of the card, or where NVRTC is older than it, PTX of the newest that it knows.

    Raises:
        CompileError: NVRTC knows no architecture that runs there.
    """
    from cuda.bindings import nvrtc

    error, known = nvrtc.nvrtcGetSupportedArchs()
    if int(error) != 0:
        raise CompileError(f"NVRTC does not answer: {error!s}")
    if capability in known:
        return f"sm_{capability}", "cubin"
    older = max((each for each in known if each < capability), default=0)
    if older == 0:
        raise CompileError(
            f"NVRTC {'.'.join(map(str, nvrtc_version()))} has no code for compute capability {capability}"
        )
    return f"compute_{older}", "ptx"


# Unannotated functions in headers that the host compiles too are for the device here.
LANGUAGE = {"std": "c++20", "device_as_default_execution_space": True}


def compile_instance(instance: Instance, capability: int, log: io.StringIO | None = None) -> Compiled:
    """Takes seconds.

    Args:
        instance: what to compile.
        capability: of the card, major * 10 + minor.
        log: takes what the assembler says of registers and memory.

    Raises:
        CompileError: it does not compile; names the first complaint.
    """
    nvrtc_version()
    from cuda.core import Program, ProgramOptions

    architecture, kind = options_for(capability)
    options = {"name": "twill.cu", "arch": architecture, **LANGUAGE}
    if log is not None:
        options["ptxas_options"] = "-v"
    kernel = _qualified(instance.kernel)
    facts = f"twill::kernels::launch_facts<{', '.join(map(_qualified, instance.facts))}>"
    try:
        program = Program(text_of(instance), "c++", ProgramOptions(**options))
        made = program.compile(kind, name_expressions=(kernel, facts), logs=log)
        symbols = {str(name): _text(symbol) for name, symbol in made.symbol_mapping.items()}
        return Compiled(bytes(made.code), kind == "ptx", symbols[kernel], _read_facts(symbols[facts]))
    except Exception as trouble:  # cuda-core's own classes differ between its versions
        raise CompileError(f"{instance.name}: {_first_line(trouble)}") from trouble


def _text(symbol: str | bytes) -> str:
    return symbol.decode() if isinstance(symbol, bytes) else symbol


def _first_line(trouble: BaseException) -> str:
    """The compiler's first error, else the first line of all."""
    lines = [line.strip() for line in str(trouble).splitlines() if line.strip()]
    complaint = next((line for line in lines if "error:" in line), lines[0] if lines else type(trouble).__name__)
    return complaint[:300]
