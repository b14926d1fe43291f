# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""NVRTC compiles every kernel from its text alone, for every kind of card; no GPU is needed."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch  # noqa: F401  # its NVRTC, where it has one, is found by what it loads

from twill_vdit.runtime_kernels import compiling, entries, int8_layout, sources, structs

needs_nvrtc = pytest.mark.skipif(compiling.why_not() != "", reason=compiling.why_not() or "it is there")
CAPABILITIES = (80, 86, 89, 90, 100, 120)
# Bytes that a kernel may spill, by card and head_dim. NVRTC 13.0 spills none, 12.8 does 24 of these and 13.5 all.
SPILLS = {} if compiling.why_not() or compiling.nvrtc_version() == (13, 0) else {(100, 128): 96}
MOST_SECONDS = 60  # for the first use of one dtype and head_dim: 3 to 9 where nothing else runs


def compiled(instance, capability):
    """(What NVRTC makes of it, what it says, seconds), kept beside what ccache keeps: by text, options and NVRTC."""
    asked = [compiling.text_of(instance), repr(instance), repr(compiling.options_for(capability))]
    asked += [repr(sorted(compiling.LANGUAGE.items())), repr(compiling.nvrtc_version())]
    folder = os.environ.get("CCACHE_DIR")
    kept = Path(folder, "nvrtc", f"{hashlib.sha256(chr(0).join(asked).encode()).hexdigest()}.json") if folder else None
    if kept is not None and kept.is_file():
        found = json.loads(kept.read_text())
        return SimpleNamespace(**{**found["made"], "code": bytes.fromhex(found["made"]["code"])}), *found["said"]
    log = io.StringIO()
    begin = time.process_time()
    made = compiling.compile_instance(instance, capability, log)
    said = (log.getvalue(), time.process_time() - begin)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        as_text = {"code": made.code[:64].hex(), "symbol": made.symbol, "facts": made.facts}
        unfinished.write_text(json.dumps({"made": as_text, "said": said}))
        unfinished.replace(kept)
    return made, *said


def needed_for(capability, dtype, head_dim, precision):
    """What a plan with token orders and mean heads compiles on such a card for heads of the precision."""
    entry, why_not = entries.choose_entry("", capability, head_dim, dtype, 1.0, precision)
    assert why_not == ""
    attention = entry.instance(dtype, head_dim)
    if precision == "int8":
        return [attention, entries.channels_instance(dtype, head_dim), entries.quantise_instance(dtype, head_dim)]
    return [attention, entries.GATHER, entries.mean_instance(dtype)]


@needs_nvrtc
@pytest.mark.slow
@pytest.mark.parametrize(("precision", "head_dim"), [
    *(("bf16", head_dim) for head_dim in entries.ENTRIES[0].head_dims),
    *(("int8", head_dim) for head_dim in entries.INT8_HEAD_DIMS),
])  # fmt: skip
@pytest.mark.parametrize(("capability", "dtype"), [
    *((capability, "bfloat16") for capability in CAPABILITIES),
    (CAPABILITIES[0], "float16"),  # the dtypes differ in conversions alone
])  # fmt: skip
def test_the_texts_alone_compile_without_spills(capability, dtype, precision, head_dim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an empty folder, so that nothing is included from here
    spills_of = [{}, {}, {}] if precision == "int8" else [SPILLS, {}, {}]
    seconds = 0.0
    for instance, allowed in zip(needed_for(capability, dtype, head_dim, precision), spills_of, strict=True):
        made, log, took = compiled(instance, capability)
        seconds += took
        assert made.code.startswith(b"\x7fELF")
        assert made.symbol in log
        spills = re.findall(r"(\d+) bytes spill stores, (\d+) bytes spill loads", log)
        assert spills
        spilled = max(int(bytes_) for pair in spills for bytes_ in pair)
        print(f"{capability} {instance.name}: {spilled} bytes spilled")
        assert spilled <= allowed.get((capability, head_dim), 0), log
        threads, shared_bytes, *_ = made.facts
        assert threads in (128, 256, 512)
        is_roomy = instance.name.startswith(("portable ", "int8 "))
        assert shared_bytes <= 1024 * (163 if is_roomy else 99)
    print(f"{capability} {precision} {dtype} {head_dim}: {seconds:.1f} s")
    assert seconds <= MOST_SECONDS


@needs_nvrtc
def test_a_small_kernel_says_its_facts():
    made = compiling.compile_instance(entries.GATHER, 80)
    assert made.facts == (256, 0, 8)
    assert not made.is_ptx


@needs_nvrtc
def test_a_card_that_nvrtc_does_not_know_gets_ptx_of_the_newest_that_it_does():
    assert compiling.options_for(90) == ("sm_90", "cubin")
    architecture, kind = compiling.options_for(990)
    assert kind == "ptx"
    assert re.fullmatch(r"compute_\d+", architecture)
    with pytest.raises(compiling.CompileError, match=r"NVRTC [\d.]+ has no code for compute capability 10"):
        compiling.options_for(10)


@needs_nvrtc
@pytest.mark.parametrize(("change", "complaint"), [
    pytest.param(("int32_t layers = 0;", "int64_t layers = 0;"), "error: static assertion failed", id="field"),
    pytest.param(("kMeanChunks = 64", "kMeanChunks = 32"), "error: static assertion failed", id="constant"),
    pytest.param(("kRowsOfThread = 8", "kRowsOfThread = many"), 'error: identifier "many" is undefined', id="mistake"),
])  # fmt: skip
def test_what_the_package_takes_for_granted_is_checked_when_it_is_compiled(monkeypatch, change, complaint):
    text = sources.text_of("side_kernels.cuh")
    assert change[0] in text
    monkeypatch.setattr(sources, "text_of", lambda name: text.replace(*change))
    with pytest.raises(compiling.CompileError, match=complaint):
        compiling.compile_instance(entries.GATHER, 80)


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_structs_are_the_hosts_too(tmp_path):
    names = ("portable/attention_args.h", "side_args.h", "int8/attention_args.h")
    files = list(dict.fromkeys(file for name in names for file in sources.files_of(name)))
    texts = ["#define TWILL_OFFSET(type, field) __builtin_offsetof(type, field)"]
    texts += [sources._without_includes(file.read_text()) for file in files]
    handed = sorted({instance.arguments for instance in entries.every_instance()}, key=lambda struct: struct.__name__)
    checks = [*map(structs.layout_checks, handed), int8_layout.layout_checks()]
    file = tmp_path / "structs.cpp"
    file.write_text("\n".join([*texts, *checks]))
    command = ["c++", "-std=c++20", "-Wno-invalid-offsetof", "-fsyntax-only", str(file)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    file.write_text("\n".join([*texts, *checks]).replace("sizeof(::twill::kernels::Strides) == 24", "sizeof(int) == 3"))
    assert subprocess.run(command, capture_output=True, text=True).returncode != 0
