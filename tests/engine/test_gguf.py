# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""GGUF files against the gguf package: the numbers of each type, and networks that run from them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.engine import probe
from tests.engine.probe import safetensors, torch
from tests.engine.small_gguf import (
    FACTORS,
    Kind,
    add_tokenizer,
    fits,
    gguf,
    quantised,
    random_blocks,
    read_back,
    write,
)
from tests.engine.small_tokenizer import SENTENCES, train_tokenizer

TYPES = [
    Kind.F32,
    Kind.F16,
    Kind.BF16,
    Kind.Q8_0,
    Kind.Q6_K,
    Kind.Q5_K,
    Kind.Q4_K,
    Kind.Q3_K,
    Kind.Q2_K,
    Kind.Q5_1,
    Kind.Q5_0,
    Kind.Q4_1,
    Kind.Q4_0,
]
# More than a piece, which the reader takes at a time, and not a whole number of pieces.
SHAPES = [(1, 256), (7, 3, 512), (1030, 256)]


def stored(file: Path) -> dict[str, torch.Tensor]:
    probe.call_probe("stored", file, file.with_suffix(".out"), "-")
    return safetensors.load_file(file.with_suffix(".out"))


def add(writer: "gguf.GGUFWriter", name: str, data: np.ndarray, kind: Kind) -> None:
    writer.add_tensor(name, data, raw_dtype=kind)


def test_numbers_are_those_of_the_gguf_package(tmp_path):
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "wan")
    exact = {}
    for kind in TYPES:
        for shape in SHAPES:
            scales = np.float32(10) ** random.integers(-6, 3, (*shape[:-1], 1))
            values = random.standard_normal(shape, np.float32) * scales.astype(np.float32)
            data = quantised(values, kind, random)
            name = f"{kind.name}.{shape[0]}"
            exact[name] = read_back(data, kind)
            add(writer, name, data, kind)
    write(writer)
    found = stored(tmp_path / "a.gguf")
    assert found.keys() == exact.keys()
    for name, values in exact.items():
        assert tuple(found[name].shape) == values.shape
        assert np.array_equal(found[name].float().numpy().view(np.int32), values.view(np.int32)), name


def test_blocks_of_any_bytes_are_read(tmp_path):
    """Factors that are subnormal, negative, infinite or no numbers at all."""
    random = np.random.default_rng(2)
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "wan")
    exact = {}
    for kind in TYPES[3:]:
        elements, count = gguf.GGML_QUANT_SIZES[kind]
        data = random.integers(0, 256, (40, count * (512 // elements)), np.uint8)
        with np.errstate(all="ignore"):
            exact[kind.name] = gguf.quants.dequantize(data, kind)
        add(writer, kind.name, data, kind)
    write(writer)
    found = stored(tmp_path / "a.gguf")
    for name, values in exact.items():
        known = ~np.isnan(values)
        assert known.mean() > 0.5
        assert np.array_equal(np.isnan(found[name].numpy()), ~known)
        assert np.array_equal(found[name].numpy().view(np.int32)[known], values.view(np.int32)[known]), name


def test_shapes_of_more_axes_and_other_alignments_are_kept(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "wan")
    writer.add_custom_alignment(128)
    writer.add_string("config", '{"transformer": {}}')
    five = np.arange(2 * 3 * 1 * 2 * 2, dtype=np.float32).reshape(2, 3, 1, 2, 2)
    writer.add_tensor("five", five)
    writer.add_tensor("as_ggml_has_it", five.reshape(2, 12))
    writer.add_array("comfy.gguf.orig_shape.as_ggml_has_it", list(five.shape))
    writer.add_tensor("scalar", np.float32([2.5]))
    writer.add_tensor("whole", np.arange(6, dtype=np.int32).reshape(2, 3))
    write(writer)
    found = stored(tmp_path / "a.gguf")
    assert torch.equal(found["five"], torch.from_numpy(five))
    assert torch.equal(found["as_ggml_has_it"], torch.from_numpy(five))
    assert found["scalar"].item() == 2.5
    assert torch.equal(found["whole"], torch.arange(6, dtype=torch.int32).reshape(2, 3))
    with safetensors.safe_open(tmp_path / "a.out", "pt") as file:
        assert file.metadata()["config"] == '{"transformer": {}}'
        assert file.metadata()["general.architecture"] == "wan"


def save_both(folder: Path, tensors: dict[str, torch.Tensor], first: Kind) -> "gguf.GGUFWriter":
    """Matrices of all types in turn, the rest in fp32: as GGUF (not written yet) and, in fp32, as safetensors."""
    random = np.random.default_rng(4)
    writer = gguf.GGUFWriter(folder / "x.gguf", "wan")
    exact = {}
    turn = TYPES.index(first)
    for name, tensor in tensors.items():
        values = tensor.numpy()
        kind = Kind.F32
        if values.ndim == 2 and fits(values.shape, TYPES[turn % len(TYPES)]):
            kind = TYPES[turn % len(TYPES)]
            turn += 1
        data = quantised(values, kind, random)
        exact[name] = torch.from_numpy(read_back(data, kind).copy())
        add(writer, name, data, kind)
    safetensors.save_file(exact, folder / "x.safetensors")
    return writer


def random_tensors(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(6)
    tensors = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        tensors[name] = noise / noise[0].numel() ** 0.5 if noise.dim() > 1 else 1 + 0.3 * noise
    return tensors


def small_transformer() -> dict[str, torch.Tensor]:
    """Wan's, of two heads of 128."""
    dim, text, ffn = 256, 64, 512
    linear = {
        "text_embedding.0": (dim, text),
        "text_embedding.2": (dim, dim),
        "time_embedding.0": (dim, 256),
        "time_embedding.2": (dim, dim),
        "time_projection.1": (6 * dim, dim),
        "head.head": (64, dim),
    }
    shapes: dict[str, tuple[int, ...]] = {"head.modulation": (1, 2, dim)}
    for block in ("blocks.0.", "blocks.1."):
        shapes |= {block + "modulation": (1, 6, dim), block + "norm3.weight": (dim,), block + "norm3.bias": (dim,)}
        for attention in (block + "self_attn.", block + "cross_attn."):
            linear |= {attention + name: (dim, dim) for name in "qkvo"}
            shapes |= {attention + "norm_q.weight": (dim,), attention + "norm_k.weight": (dim,)}
        linear |= {block + "ffn.0": (ffn, dim), block + "ffn.2": (dim, ffn)}
    shapes |= {"patch_embedding.weight": (dim, 16, 1, 2, 2), "patch_embedding.bias": (dim,)}
    for name, (out, into) in linear.items():
        shapes |= {name + ".weight": (out, into), name + ".bias": (out,)}
    return random_tensors(shapes)


def test_a_transformer_runs_as_from_its_numbers(tmp_path):
    write(save_both(tmp_path, small_transformer(), Kind.F16))
    generator = torch.Generator().manual_seed(7)
    inputs = {
        "x": torch.randn(1, 16, 2, 8, 8, generator=generator),
        "timestep": torch.tensor([937.5]),
        "context": torch.randn(1, 9, 64, generator=generator),
    }
    out = probe.run_probe(tmp_path, "dit", tmp_path / "x.gguf", inputs)
    assert torch.isfinite(out).all()
    assert torch.equal(out, probe.run_probe(tmp_path, "dit", tmp_path / "x.safetensors", inputs))


PARTS = {
    "layer.0.SelfAttention.relative_attention_bias": ("attn_rel_b", (32, 2)),
    "layer.0.SelfAttention.q": ("attn_q", (256, 256)),
    "layer.0.SelfAttention.k": ("attn_k", (256, 256)),
    "layer.0.SelfAttention.v": ("attn_v", (256, 256)),
    "layer.0.SelfAttention.o": ("attn_o", (256, 256)),
    "layer.0.layer_norm": ("attn_norm", (256,)),
    "layer.1.layer_norm": ("ffn_norm", (256,)),
    "layer.1.DenseReluDense.wi_0": ("ffn_gate", (64, 256)),
    "layer.1.DenseReluDense.wi_1": ("ffn_up", (64, 256)),
    "layer.1.DenseReluDense.wo": ("ffn_down", (256, 64)),
}
# llama.cpp's name of a tensor of UMT5 -> transformers' and its shape.
UMT5 = {"token_embd.weight": ("shared.weight", (512, 256))}
UMT5 |= {"enc.output_norm.weight": ("encoder.final_layer_norm.weight", (256,))}
UMT5 |= {
    f"enc.blk.{i}.{ours}.weight": (f"encoder.block.{i}.{theirs}.weight", shape)
    for i in range(12)
    for theirs, (ours, shape) in PARTS.items()
}
PROMPTS = ["", "  a red ball &amp; ﬁve dogs,  camera pans right, 一只猫在海边 zeppelin 🐈 [PAD450] <0x41>"]


def describe(folder: Path, text: str, tokenizer: str | None) -> Path:
    folder.mkdir()
    files = {"dit": "dit.safetensors", "vae": "vae.safetensors", "text": text}
    (folder / text).symlink_to(folder.parent / text)
    if tokenizer:
        files["tokenizer"] = tokenizer
        (folder / tokenizer).symlink_to(folder.parent / tokenizer)
    clip = {"width": 64, "height": 64, "frames": 5, "fps": 16, "steps": 2, "shift": 3, "cfg": 1, "sampler": "euler"}
    (folder / "model.json").write_text(json.dumps({"family": "wan2.1-t2v", "default": clip, "files": files}))
    return folder


def encode(folder: Path, prompt: str) -> torch.Tensor:
    probe.call_probe("encode", folder, folder / "out.safetensors", prompt)
    return safetensors.load_file(folder / "out.safetensors")["out"]


@pytest.fixture(scope="module")
def umt5():
    return random_tensors({name: shape for name, (_, shape) in UMT5.items()})


def test_an_encoder_runs_as_from_its_numbers(umt5, tmp_path):
    """The table of tokens is read by rows, and the tokenizer of the file cuts as the model that it came from."""
    tokenizer = train_tokenizer(tmp_path)
    writer = save_both(tmp_path, umt5, Kind.Q6_K)
    add_tokenizer(writer, tokenizer, umt5["token_embd.weight"].shape[0])
    write(writer)
    theirs = safetensors.load_file(tmp_path / "x.safetensors")
    safetensors.save_file({UMT5[name][0]: x for name, x in theirs.items()}, tmp_path / "x.safetensors")
    ours = describe(tmp_path / "ours", "x.gguf", None)
    exact = describe(tmp_path / "exact", "x.safetensors", "spiece.model")
    named = describe(tmp_path / "named", "x.gguf", "spiece.model")
    for prompt in PROMPTS:
        rows = encode(exact, prompt)
        assert torch.isfinite(rows).all()
        assert torch.equal(encode(ours, prompt), rows), prompt
    assert torch.equal(encode(named, PROMPTS[1]), rows)


OPTIONS = {
    "no_single_bytes": {"byte_fallback": False},
    "no_space_in_front": {"add_dummy_prefix": False},
    "spaces_kept": {"remove_extra_whitespaces": False},
    "no_rules": {"normalization_rule_name": "identity"},
}


@pytest.mark.parametrize("why", OPTIONS)
def test_a_tokenizer_of_another_kind_cuts_the_same(why, umt5, tmp_path):
    tokenizer = train_tokenizer(tmp_path, **OPTIONS[why])
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "t5encoder")
    for name, tensor in umt5.items():
        writer.add_tensor(name, tensor.numpy())
    add_tokenizer(writer, tokenizer, umt5["token_embd.weight"].shape[0])
    write(writer)
    ours = describe(tmp_path / "ours", "x.gguf", None)
    named = describe(tmp_path / "named", "x.gguf", "spiece.model")
    prompt = f"{PROMPTS[1]} {SENTENCES[40]}"
    assert torch.equal(encode(ours, prompt), encode(named, prompt))


def test_a_file_without_a_tokenizer_is_told(umt5, tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "t5encoder")
    for name, tensor in umt5.items():
        writer.add_tensor(name, tensor.numpy())
    write(writer)
    folder = describe(tmp_path / "ours", "x.gguf", None)
    with pytest.raises(AssertionError) as refused:
        encode(folder, "a")
    told = "has no tokenizer inside (tokenizer.ggml.tokens), and none is named or lies beside it (spiece.model or "
    assert str(refused.value).startswith(f"{folder / 'x.gguf'}: {told}")


def test_random_blocks_have_the_size_that_was_asked_for():
    """What stands for weights of the types that the package cannot make is no noise of another size."""
    random = np.random.default_rng(0)
    for kind in FACTORS:
        values = random.standard_normal((64, 256), np.float32) / 16
        made = read_back(quantised(values, kind, random), kind)
        assert 0.2 < made.std() / values.std() < 5, kind
    assert random_blocks(Kind.Q4_K, (2, 512), random, 1.0).shape == (2, 288)
