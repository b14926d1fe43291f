# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The kernels that are compiled at run time, on a driver that does their work on the CPU (fake_gpu.py)."""

import logging
import multiprocessing
import os
import sys
import time
import types
import warnings

import numpy as np
import pytest
import torch

import fake_gpu
import plan_texts
import twill_vdit
from attention_cases import LAYOUTS, ORDERS, PATTERNS
from twill_vdit import Error, backends, eager, native, sparse_attention
from twill_vdit.cuda_words import CudaWords
from twill_vdit.runtime_kernels import cache, compiling, entries, launching, sources, structs

needs_binary = pytest.mark.skipif(native.binary is None, reason=f"no binary module: {native.why_not}")
CPU = torch.device("cpu")
HEAD_DIMS = (64, 96, 128, 256)


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A GPU as far as this package can see; its launches are in .launches."""
    made, compiled = fake_gpu.install(monkeypatch, tmp_path / "cache")
    made.compiled = compiled
    monkeypatch.setenv("TWILL_CHOICE", "order")  # nothing is timed on it
    forget = backends.forget_choices
    forget()
    native.say_once.cache_clear()
    yield made
    forget()
    launching._loaded.cache_clear()


def plan_of(orders=ORDERS, dense_above=0.9):
    layers = [[plan_texts.with_order(p, order) for p in PATTERNS.values()] for order in orders.values()]
    return twill_vdit.parse_plan(plan_texts.plan_text(layers, dense_above=dense_above), "made.json")


def tensors(layout, dtype, head_dim=64):
    """Views of (B, N, H x D), as ComfyUI hands them over."""
    generator = torch.Generator().manual_seed(7)
    shape = (2, layout.tokens, len(PATTERNS), head_dim)
    return [torch.randn(shape, generator=generator).to(dtype).transpose(1, 2) for _ in "qkv"]


def runtime_form(q, k, v, plan, place, scale=0.125):
    return backends._run_runtime_cuda(q, k, v, plan, place, scale)


def expected(q, k, v, plan, place, scale=0.125):
    tasks = plan.tasks(place.segment, place.expert, place.stack, place.layer)
    return eager.attention(q.float(), k.float(), v.float(), tasks, plan.tile_list, scale)


def assert_close(out, exact):
    torch.testing.assert_close(out.float(), exact, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("layer", range(len(ORDERS)))
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_launches_are_handed_what_the_plan_says(gpu, layout, layer, dtype):
    gpu.dtype = dtype
    plan = plan_texts.without_binary(plan_of(), layout)
    q, k, v = tensors(layout, dtype)
    place = backends.Place(0, 0, 0, layer)
    out = runtime_form(q, k, v, plan, place)
    assert out.stride() == q.stride()
    assert_close(out, expected(q, k, v, plan, place))
    gathers = list(ORDERS.values())[layer].kind != "raster"
    assert kernels_of(gpu) == ["side::mean_kernel", *["side::gather_kernel"] * gathers, "portable::attention_kernel"]
    assert {stream for *_, stream in gpu.launches} == {0x57}


IN_INT8 = ["int8::channels_kernel", "int8::quantise_kernel", "int8::attention_kernel"]


def kernels_of(gpu):
    """What was launched."""
    return [kernel.split("<")[0] for kernel, *_ in gpu.launches]


def words_with_precisions(plan, layout, layer, precision_of):
    """Of the plan's heads in its first segment, each in the precision of its number."""
    tasks = plan.tasks(0, 0, 0, layer)
    used = sorted({index for _, index in tasks} - {-1})
    made = [plan.tile_list(index) for index in used]
    lists = [(tiles.runs, tiles.run_begin, tiles.position_to_token) for tiles in made]
    heads = [
        (mode, used.index(index) if index >= 0 else -1, precision_of(head)) for head, (mode, index) in enumerate(tasks)
    ]
    return CudaWords(layout.tokens, lists, [[heads]])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("layer", range(len(ORDERS)))
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_heads_in_int8_are_a_part_of_their_own(gpu, layout, layer, dtype):
    gpu.dtype = dtype
    plan = plan_texts.without_binary(plan_of(), layout)
    for precision_of in (lambda head: ("bf16", "int8")[head % 2], lambda head: ("int8", "bf16")[head % 2]):
        gpu.launches.clear()
        on_device = launching.DeviceWords(words_with_precisions(plan, layout, layer, precision_of), CPU)
        q, k, v = tensors(layout, dtype)
        out, lse = torch.full_like(q, torch.nan), torch.full(q.shape[:3], torch.nan)
        on_device.run(q, k, v, out, 0.125, 0, lse=lse)
        exact = expected(q, k, v, plan, backends.Place(0, 0, 0, layer))
        torch.testing.assert_close(out.float(), exact, rtol=4e-2, atol=4e-2)
        assert not lse.isnan().any()
        gathers = list(ORDERS.values())[layer].kind != "raster"
        side = ["side::mean_kernel", *["side::gather_kernel"] * gathers]
        assert kernels_of(gpu) == [*side, "portable::attention_kernel", *IN_INT8]


@pytest.mark.parametrize("head_dim", entries.INT8_HEAD_DIMS)
def test_a_layer_in_int8_alone_launches_no_other_kernel(gpu, head_dim):
    layout = LAYOUTS["text_in_front_and_behind"]
    words = CudaWords(layout.tokens, [], [[[("dense", -1, "int8")] * len(PATTERNS)]])
    q, k, v = tensors(layout, torch.bfloat16, head_dim)
    out, lse = torch.empty_like(q), torch.empty(q.shape[:3])
    launching.DeviceWords(words, CPU).run(q, k, v, out, 0.125, 0, lse=lse)
    scores = q.float() @ k.float().transpose(2, 3) * 0.125
    torch.testing.assert_close(out.float(), torch.softmax(scores, 3) @ v.float(), rtol=4e-2, atol=4e-2)
    torch.testing.assert_close(lse, torch.logsumexp(scores, 3), rtol=1e-2, atol=1e-2)
    assert kernels_of(gpu) == IN_INT8
    threads = [threads for _, _, threads, _, _ in gpu.launches]
    assert threads == [512, 256, fake_gpu.THREADS]


def test_a_kernel_that_is_named_leaves_the_other_part_its_best(gpu):
    layout = LAYOUTS["text_behind"]
    heads = [("dense", -1, "int8"), ("dense", -1)] * (len(PATTERNS) // 2)
    on_device = launching.DeviceWords(CudaWords(layout.tokens, [], [[heads]]), CPU)
    q, k, v = tensors(layout, torch.bfloat16)
    for kernel, shapes in (
        ("", ["Roomy", "Roomy"]),
        ("compact", ["Compact", "Roomy"]),
        ("int8_compact", ["Roomy", "Compact"]),
    ):
        gpu.launches.clear()
        on_device.run(q, k, v, torch.empty_like(q), 0.125, 0, kernel=kernel)
        attending = [name for name, *_ in gpu.launches if "attention_kernel" in name]
        assert [name.split("::")[2].split("<")[0] for name in attending] == shapes


def test_where_no_kernel_takes_them_heads_in_int8_are_computed_as_the_others(gpu, monkeypatch):
    layout = LAYOUTS["text_behind"]
    for capability in (90, 120, 75):
        plan = plan_texts.without_binary(plan_of(), layout)
        monkeypatch.setattr(plan, "precisions", lambda *place, plan=plan: ["int8"] * len(plan.tasks(*place)))
        monkeypatch.setattr(gpu, "capability", lambda device, capability=capability: capability)
        facts = launching.device_words_of(plan, CPU).tables.layers[0]
        assert (facts.quantised > 0) == (capability >= 80)


def test_int8_kernels_are_asked_for_by_precision(gpu):
    assert launching.why_not(CPU, torch.bfloat16, 256, 0.125) == ""
    said = "head_dim 256: the int8_compact CUDA kernel takes 64, 96 and 128"
    assert launching.why_not(CPU, torch.bfloat16, 256, 0.125, "int8") == said
    assert launching.why_not(CPU, torch.bfloat16, 128, 0.125, "int8") == ""


@needs_binary
def test_tables_of_the_binary_module_serve_as_well(gpu):
    """A binary module that was built without nvcc compiles the plan, and its numbers of lists hold."""
    layout = LAYOUTS["text_in_front_and_behind"]
    plan = twill_vdit.compile_plan(plan_of(), layout)
    assert plan.native is not None
    q, k, v = tensors(layout, torch.bfloat16)
    for layer in range(len(ORDERS)):
        place = backends.Place(0, 0, 0, layer)
        assert_close(runtime_form(q, k, v, plan, place), expected(q, k, v, plan, place))
    assert np.array_equal(CudaWords.of_plan(plan).image, native.binary.CudaTables.of_plan(plan.tables()).image())


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_every_head_dim(gpu, head_dim):
    layout = LAYOUTS["text_behind"]
    plan = plan_texts.without_binary(plan_of(), layout)
    q, k, v = tensors(layout, torch.bfloat16, head_dim)
    place = backends.Place(0, 0, 0, 2)
    assert_close(runtime_form(q, k, v, plan, place), expected(q, k, v, plan, place))


@pytest.mark.parametrize("change", [
    pytest.param(lambda x: x.contiguous(), id="contiguous"),
    pytest.param(lambda x: torch.nn.functional.pad(x, (8, 8))[..., 8:-8], id="rows_apart"),
    pytest.param(lambda x: torch.nn.functional.pad(x, (1, 3))[..., 1:-3], id="rows_of_no_whole_16_bytes"),
    pytest.param(lambda x: x.transpose(2, 3).contiguous().transpose(2, 3), id="head_dim_far_apart"),
])  # fmt: skip
def test_strides(gpu, change):
    layout = LAYOUTS["text_in_front_and_behind"]
    plan = plan_texts.without_binary(plan_of(), layout)
    q, k, v = map(change, tensors(layout, torch.bfloat16))
    place = backends.Place(0, 0, 0, 1)
    assert_close(runtime_form(q, k, v, plan, place), expected(q, k, v, plan, place))


def test_the_logarithms_of_the_sums(gpu):
    layout = LAYOUTS["text_behind"]
    plan = plan_texts.without_binary(plan_of(), layout)
    on_device = launching.device_words_of(plan, CPU)
    q, k, v = (x.contiguous() for x in tensors(layout, torch.bfloat16))
    lse = torch.full(q.shape[:3], torch.nan)
    on_device.run(q, k, v, torch.empty_like(q), 0.125, 0, lse=lse, variant=1)
    dense = list(PATTERNS).index("dense")
    exact = torch.logsumexp(q[:, dense].float() @ k[:, dense].float().transpose(1, 2) * 0.125, dim=2)
    torch.testing.assert_close(lse[:, dense], exact, rtol=1e-3, atol=1e-3)


def test_the_word_in_memory_says_which_segment_holds(gpu):
    layout = LAYOUTS["text_behind"]
    plan = plan_texts.without_binary(plan_of(), layout)
    q, k, v = tensors(layout, torch.bfloat16)
    follows = [backends.Place(segment, 0, 0, 1, follows=True) for segment in (0, 1)]
    on_device = launching.device_words_of(plan, CPU)
    for segment in (1, 0, 1, 1):
        on_device.set_variant(on_device.tables.variant(segment, 0))
        assert_close(runtime_form(q, k, v, plan, follows[segment]), expected(q, k, v, plan, follows[segment]))
    named = backends.Place(0, 0, 0, 1)
    assert_close(runtime_form(q, k, v, plan, named), expected(q, k, v, plan, named))
    assert on_device.image[0] == 1
    with pytest.raises(Error) as raised:
        on_device.set_variant(2)
    assert str(raised.value) == "variant 2 is not one of the plan's 2"


def refusal_of(q, k=None, v=None, out=None, scale=0.125, layer=0, variant=-1, kernel="", tokens=None, precision="bf16"):
    words = CudaWords(tokens or q.shape[2], [], [[[("dense", -1, precision)] * 3]])
    on_device = launching.DeviceWords(words, CPU)
    others = [q if x is None else x for x in (k, v, out)]
    with pytest.raises(Error) as raised:
        on_device.run(q, *others, scale, layer, variant=variant, kernel=kernel)
    assert raised.value.code == "unsupported"
    return str(raised.value)


def made(*shape, dtype=torch.bfloat16):
    return torch.zeros(*shape, dtype=dtype)


SOUND = made(1, 3, 200, 64)
PADDED = torch.zeros(1, 3, 200, 68, dtype=torch.bfloat16)[..., :64]
SHIFTED = torch.zeros(3 * 200 * 64 + 1, dtype=torch.bfloat16)[1:].view(1, 3, 200, 64)


@pytest.mark.parametrize(("arguments", "text"), [
    pytest.param({"q": made(1, 3, 200, 64, dtype=torch.float32)},
                 "dtype float32: the CUDA kernels take bfloat16 and float16", id="dtype"),
    pytest.param({"q": made(1, 3, 200, 80)},
                 "head_dim 80: the compact CUDA kernel takes 64, 96, 128 and 256", id="head_dim"),
    pytest.param({"q": SOUND, "scale": -0.5}, "scale -0.500000: the CUDA kernels take none below 0", id="scale"),
    pytest.param({"q": SOUND, "kernel": "fast"}, "kernel fast is not one of the CUDA kernels", id="name"),
    pytest.param({"q": SOUND, "tokens": 210}, "200 tokens, but the plan was made for 210", id="tokens"),
    pytest.param({"q": SOUND, "layer": 1}, "layer 1 is not one of the plan's 1", id="layer"),
    pytest.param({"q": SOUND, "variant": 1}, "variant 1 is not one of the plan's 1", id="variant"),
    pytest.param({"q": made(1, 2, 200, 64)}, "2 heads, but layer 0 of the plan has 3", id="heads"),
    pytest.param({"q": SOUND, "v": SHIFTED}, "v: the address is no multiple of 16 bytes", id="address"),
    pytest.param({"q": SOUND, "k": PADDED},
                 "k: strides 40800, 13600, 68 are not all multiples of 8 elements (16 bytes) below 2^39", id="strides"),
    pytest.param({"q": made(1, 3, 1, 64).expand(1, 3, 4200000, 64), "tokens": 4200000},
                 "4200000 tokens: the portable kernel takes 65535 tiles of 64 keys", id="many_tokens"),
    pytest.param({"q": made(1, 3, 1, 64).expand(1, 3, 4200000, 64), "tokens": 4200000, "precision": "int8"},
                 "4200000 tokens: the INT8 kernel takes 65535 tiles of 64 keys", id="many_tokens_in_int8"),
    pytest.param({"q": made(1, 3, 200, 256), "precision": "int8"},
                 "head_dim 256: the int8_compact CUDA kernel takes 64, 96 and 128", id="head_dim_in_int8"),
    pytest.param({"q": made(1, 3, 200, 256), "precision": "int8", "kernel": "int8"},
                 "head_dim 256: the int8 CUDA kernel takes 64, 96 and 128", id="head_dim_of_a_name"),
])  # fmt: skip
def test_refusals_are_those_of_the_binary_modules_kernels(gpu, arguments, text):
    assert refusal_of(**arguments) == text


@needs_binary
@pytest.mark.parametrize("capability", [70, 75, 80, 86, 87, 89, 90, 100, 103, 110, 120, 121, 130])
def test_rules_and_sentences_are_those_of_the_binary_module(capability):
    for dtype in ("float32", "bfloat16", "float16"):
        for head_dim in (16, *HEAD_DIMS, 512):
            for scale in (0.125, 0.0, -0.25):
                facts = native.binary.cuda_kernels(capability, head_dim, dtype, scale)
                theirs = {fact["name"]: (fact["version"], fact["precision"], fact["why_not"]) for fact in facts}
                for entry in entries.ENTRIES:
                    ours = entries.why_not_entry(entry, capability, head_dim, dtype, scale)
                    assert (entry.version, entry.precision, ours) == theirs[entry.name]


def test_the_order_is_that_of_the_binary_module():
    names = [entry.name for entry in entries.ENTRIES]
    assert names == ["portable", "compact", "int8", "int8_compact"]
    if native.binary is not None:
        theirs = [fact["name"] for fact in native.binary.cuda_kernels(90, 64, "bfloat16", 1.0)]
        assert [name for name in theirs if name in names] == names


def test_the_factor_is_computed_in_single_precision():
    for scale in (0.0, 1e-40, 64**-0.5, 96**-0.5, 0.1, 3.7):
        exact = np.maximum(np.float32(scale) * np.float32(1.44269504088896340736), np.finfo(np.float32).tiny)
        assert np.float32(entries.base2_factor(scale)) == exact


def test_a_kernel_is_compiled_once_for_a_machine_and_that_is_said(gpu, caplog):
    layout = LAYOUTS["text_behind"]
    q, k, v = tensors(layout, torch.bfloat16)
    place = backends.Place(0, 0, 0, 1)
    names = ["portable for bfloat16, head_dim 64", "mean for bfloat16", "gather"]
    for again in range(3):
        plan = plan_texts.without_binary(plan_of(), layout)
        if again == 2:  # another process
            launching._loaded.cache_clear()
            caplog.clear()
        runtime_form(q, k, v, plan, place)
        assert gpu.compiled == [(name, 90) for name in names]
    assert caplog.records == []
    assert len(gpu.loaded) == 6
    assert len(list(cache.folder().glob("*.twill-kernel"))) == 3


def test_the_first_use_says_what_takes_its_time(gpu, caplog):
    caplog.set_level(logging.WARNING, logger="twill_vdit")
    launching.kernel_for(entries.GATHER, CPU)
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "twill_vdit compiles its kernel gather on a card of the test, once for this card and driver ..."
    assert said[1].startswith("twill_vdit compiled it in 0.")


@pytest.mark.parametrize("damage", [
    pytest.param(lambda content: content[:-1], id="cut"),
    pytest.param(lambda content: content[:-1] + b"?", id="another_byte"),
    pytest.param(lambda content: b"", id="empty"),
    pytest.param(lambda content: b"\x00" * len(content), id="zeros"),
    pytest.param(lambda content: b'{"sha256": 3}\n', id="another_header"),
    pytest.param(lambda content: b"[" * 100000, id="deep_header"),
])  # fmt: skip
def test_a_damaged_file_is_compiled_again(gpu, damage):
    launching.kernel_for(entries.GATHER, CPU)
    (file,) = cache.folder().glob("*.twill-kernel")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    launching._loaded.cache_clear()
    launching.kernel_for(entries.GATHER, CPU)
    assert len(gpu.compiled) == 2
    assert file.read_bytes() == whole


@pytest.mark.parametrize("change", [
    pytest.param(lambda gpu, monkeypatch: monkeypatch.setattr(gpu, "version", lambda: "13010"), id="driver"),
    pytest.param(lambda gpu, monkeypatch: monkeypatch.setattr(gpu, "capability", lambda device: 120), id="card"),
    pytest.param(lambda gpu, monkeypatch: monkeypatch.setattr(compiling, "nvrtc_version", lambda: (13, 1)), id="nvrtc"),
    pytest.param(lambda gpu, monkeypatch: monkeypatch.setattr(sources, "text_of", lambda name: "other"), id="source"),
])  # fmt: skip
def test_another_machine_or_source_has_a_file_of_its_own(gpu, change, monkeypatch):
    launching.kernel_for(entries.GATHER, CPU)
    change(gpu, monkeypatch)
    launching._loaded.cache_clear()
    launching.kernel_for(entries.GATHER, CPU)
    assert len(gpu.compiled) == 2
    assert len(list(cache.folder().glob("*.twill-kernel"))) == 2


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_and_borne(gpu, tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("TWILL_CACHE", str(closed / "kernels"))
    with pytest.warns(UserWarning, match="compiles its kernels again in every process"):
        launching.kernel_for(entries.GATHER, CPU)


def test_a_file_in_the_folders_place_is_borne(gpu, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TWILL_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="compiles its kernels again in every process"):
        assert launching.kernel_for(entries.GATHER, CPU).facts == fake_gpu.SIDE_FACTS


def test_the_oldest_files_go(gpu):
    place = cache.folder()
    place.mkdir(parents=True)
    for i in range(70):
        file = place / f"{i}.twill-kernel"
        file.write_bytes(b"")
        os.utime(file, (i, i))
    launching.kernel_for(entries.GATHER, CPU)
    left = {file.name for file in place.glob("*.twill-kernel")}
    assert len(left) == 64
    assert "6.twill-kernel" not in left
    assert "7.twill-kernel" in left


def _write_often(folder, key, content):
    os.environ["TWILL_CACHE"] = folder
    for _ in range(40):
        assert cache.write(key, compiling.Compiled(content, False, "symbol", (1, 2))) == ""


def test_processes_may_write_one_kernel_at_the_same_time(tmp_path, monkeypatch):
    monkeypatch.setenv("TWILL_CACHE", str(tmp_path))
    contents = [bytes([i]) * 50000 for i in range(3)]
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "fork")
    writers = [context.Process(target=_write_often, args=(str(tmp_path), "key", content)) for content in contents]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers):
        found = cache.read("key")
        if found is not None:
            assert found.code in contents
            reads += 1
        time.sleep(0.001)
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert reads > 0
    assert [file.name for file in tmp_path.iterdir()] == ["key.twill-kernel"]


def test_what_does_not_compile_gives_way_to_the_next_form(gpu, monkeypatch):
    def fails(instance, capability, log=None):
        raise compiling.CompileError("portable for bfloat16, head_dim 64: twill.cu(3): error: no such card")

    monkeypatch.setattr(compiling, "compile_instance", fails)
    layout = LAYOUTS["text_behind"]
    plan = plan_texts.without_binary(plan_of(), layout)
    q, k, v = tensors(layout, torch.bfloat16)
    place = backends.Place(0, 0, 0, 1)
    with pytest.warns(UserWarning, match="compiling them, it failed here: portable for .* error: no such card"):
        out = runtime_form(q, k, v, plan, place)
    assert_close(out, expected(q, k, v, plan, place))
    assert "no such card" in launching.why_not(CPU, torch.bfloat16, 64, 0.125)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gpu.launches == []


def test_set_time_reaches_the_tables_of_the_form_that_runs(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(native, "binary", None)
    layout = LAYOUTS["text_behind"]
    plan = plan_texts.without_binary(plan_of(), layout)
    there = torch.device("cuda", 0)
    told = []
    tables = types.SimpleNamespace(variant=lambda segment, expert: (segment, expert))
    plan.words_on_devices[there, True] = types.SimpleNamespace(tables=tables, set_variant=told.append)
    plan.set_time(0.95, device=there)
    plan.set_time(0.5, device=there)
    assert told == [(1, 0), (0, 0)]
    assert plan.places[there] == (0, 0)


@pytest.mark.parametrize(("place", "text"), [
    ({"layer": 0, "segment": 2}, "segment 2 is not one of 0..1"),
    ({"layer": 3, "segment": 0}, "layer 3 is not one of the 3 of stack 0"),
    ({"layer": 0, "segment": 0, "expert": 1}, "expert 1 is not one of 0..0"),
])  # fmt: skip
def test_a_place_outside_the_plan_is_refused(gpu, place, text):
    layout = LAYOUTS["one_frame"]
    plan = plan_texts.without_binary(plan_of(), layout)
    where = backends.Place(place["segment"], place.get("expert", 0), 0, place["layer"])
    with pytest.raises(Error) as raised:
        runtime_form(*tensors(layout, torch.bfloat16), plan, where)
    assert str(raised.value) == text


def test_no_text_includes_a_file():
    for instance in entries.every_instance():
        text = compiling.text_of(instance)
        includes = [line for line in text.splitlines() if line.lstrip().startswith("#include")]
        assert includes == ["#include <cstdint>"], "the host's, which NVRTC does not come to"
        assert "cuda_bf16" not in text
        assert "cuda_fp16" not in text


def test_every_struct_is_compared_with_the_compilers():
    for struct in {instance.arguments for instance in entries.every_instance()}:
        checks = structs.layout_checks(struct)
        for part in structs.parts_of(struct):
            name = structs.CPP_NAMES[part]
            assert f"sizeof(::twill::kernels::{name})" in checks
            assert all(f"::{name}, {field})" in checks for field, *_ in part._fields_)


def test_without_cuda_core_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    compiling.why_not.cache_clear()
    try:
        assert compiling.why_not() == compiling.INSTALL
        assert 'pip install "twill-vdit[cuda]"' in compiling.INSTALL
    finally:
        compiling.why_not.cache_clear()


def test_a_package_without_its_sources_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "a/b/c/twill_vdit/runtime_kernels/sources.py"))
    sources.folder.cache_clear()
    try:
        with pytest.raises(Error, match="kernel_sources: no such folder; install twill-vdit again"):
            sources.folder()
    finally:
        sources.folder.cache_clear()


def test_the_operator_reaches_the_form(gpu, monkeypatch):
    """Through sparse_attention, as if the CPU were a GPU without binary kernels."""
    layout = LAYOUTS["text_behind"]
    plan = plan_texts.without_binary(plan_of(), layout)
    form = next(backend for backend in backends.BACKENDS if backend.name == "runtime_cuda")
    monkeypatch.setattr(backends, "choose", lambda *call, **more: backends.Choice(form, ()))
    q, k, v = tensors(layout, torch.bfloat16)
    out = sparse_attention(q, k, v, plan, layer=1, t=0.5, scale=0.125)
    assert_close(out, expected(q, k, v, plan, backends.Place(0, 0, 0, 1)))
    assert len(gpu.launches) == 3
