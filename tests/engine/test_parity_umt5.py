# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""UMT5's encoder and its tokenizer against transformers' UMT5EncoderModel and the sentencepiece package."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine import probe
from tests.engine.probe import safetensors, torch
from tests.engine.small_tokenizer import SENTENCES, sentencepiece, train_tokenizer
from tests.engine.test_prompt_text import theirs_cleaned

pytestmark = pytest.mark.slow  # all of it together

transformers = pytest.importorskip("transformers")

TEXT_LEN = 512
PROMPTS = {
    "empty": "",
    "one_word": "ball",
    "a_sentence": "  a red ball rolls left over a striped&nbsp;floor, camera pans right",
    "other_letters": "一只猫在海边 zeppelin 🐈",
    "every_distance": " ".join(SENTENCES[:20]),
    "over_the_limit": " ".join(SENTENCES[:100]),
}


@dataclass(frozen=True)
class Case:
    why: str
    dim: int = 48
    heads: int = 3
    head_dim: int = 16
    layers: int = 2
    ffn: int = 80
    vocabulary: int = 512


CASES = [
    Case("as_umt5"),
    Case("inner_is_wider", heads=4, head_dim=32),
    Case("inner_is_narrower", heads=1, head_dim=8, ffn=33),
    Case("five_layers", layers=5, dim=32),
]

WAN_NAMES = [
    (r"^shared\.", "token_embedding."),
    (r"^encoder\.final_layer_norm\.", "norm."),
    (r"^encoder\.block\.", "blocks."),
    (r"layer\.0\.SelfAttention\.relative_attention_bias", "pos_embedding.embedding"),
    (r"layer\.0\.SelfAttention\.", "attn."),
    (r"layer\.0\.layer_norm", "norm1"),
    (r"layer\.1\.layer_norm", "norm2"),
    (r"layer\.1\.DenseReluDense\.wi_0", "ffn.gate.0"),
    (r"layer\.1\.DenseReluDense\.wi_1", "ffn.fc1"),
    (r"layer\.1\.DenseReluDense\.wo", "ffn.fc2"),
]


def wan_name(name: str) -> str:
    for pattern, ours in WAN_NAMES:
        name = re.sub(pattern, ours, name)
    return name


def make_model(case: Case, seed: int) -> torch.nn.Module:
    config = transformers.UMT5Config(
        vocab_size=case.vocabulary,
        d_model=case.dim,
        d_kv=case.head_dim,
        d_ff=case.ffn,
        num_layers=case.layers,
        num_heads=case.heads,
        feed_forward_proj="gated-gelu",
        attn_implementation="eager",
    )
    model = transformers.UMT5EncoderModel(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            parameter.data.copy_(1 + 0.3 * noise)
        elif "shared" in name or "relative" in name:
            parameter.data.copy_(noise)
        else:
            # Scores are not divided by the root of the head's size.
            scale = case.head_dim**-0.5 if name.endswith(".q.weight") else 1.0
            parameter.data.copy_(scale * noise / parameter.shape[1] ** 0.5)
    return model.eval()


def tensors_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    tied = "encoder.embed_tokens.weight"
    return {name: x.clone().contiguous() for name, x in model.state_dict().items() if name != tied}


@contextlib.contextmanager
def norms_in_double():
    """transformers takes the mean of squares in fp32, whatever the model runs in."""
    norm = transformers.models.umt5.modeling_umt5.UMT5LayerNorm
    original = norm.forward

    def exact(self: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    norm.forward = exact
    try:
        yield
    finally:
        norm.forward = original


@torch.inference_mode()
def run_theirs(model: torch.nn.Module, ids: list[int], dtype: torch.dtype) -> torch.Tensor:
    padded = torch.tensor([ids + [0] * (TEXT_LEN - len(ids))])
    mask = (torch.arange(TEXT_LEN) < len(ids)).long()[None]
    with norms_in_double() if dtype == torch.float64 else contextlib.nullcontext():
        rows = model.to(dtype)(padded, mask).last_hidden_state
    return rows * mask[..., None]


def ids_of(tokenizer: Path, prompt: str) -> list[int]:
    package = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    return [*package.encode(theirs_cleaned(prompt))[: TEXT_LEN - 1], 1]


def run_ours(folder: Path, prompt: str, dtype: str = "float32") -> torch.Tensor:
    probe.call_probe(f"umt5={dtype}", folder, folder / "out.safetensors", prompt)
    return safetensors.load_file(folder / "out.safetensors")["out"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def folder(tokenizer, tmp_path):
    (tmp_path / "spiece.model").write_bytes(tokenizer.read_bytes())
    return tmp_path


def compare(why: str, folder: Path, model: torch.nn.Module, prompt: str, dtype: torch.dtype = torch.float32) -> None:
    ids = ids_of(folder / "spiece.model", prompt)
    exact = run_theirs(model.float(), ids, torch.float64)
    theirs = run_theirs(model, ids, dtype)
    out = run_ours(folder, prompt, str(dtype).removeprefix("torch."))
    assert torch.equal(out[0, len(ids) :], torch.zeros(TEXT_LEN - len(ids), out.shape[2]))
    probe.assert_as_exact_as(why, out, exact, theirs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_rows_match_transformers(case, prompt, folder):
    model = make_model(case, 200 + CASES.index(case))
    safetensors.save_file(tensors_of(model), folder / "umt5.safetensors")
    compare(f"{case.why}, {prompt}", folder, model, PROMPTS[prompt])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("prompt", ["empty", "a_sentence", "every_distance"])
def test_small_dtypes_are_as_exact_as_transformers(dtype, prompt, folder):
    model = make_model(CASES[0], 7)
    safetensors.save_file(tensors_of(model), folder / "umt5.safetensors")
    compare(f"{dtype}, {prompt}", folder, model, PROMPTS[prompt], dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_weights_may_be_stored_in_small_dtypes(dtype, folder):
    model = make_model(CASES[0], 8).to(dtype)
    safetensors.save_file(tensors_of(model), folder / "umt5.safetensors")
    compare(f"stored in {dtype}", folder, model, PROMPTS["a_sentence"])


def test_the_names_of_wans_own_files_are_read(folder):
    model = make_model(CASES[0], 9)
    tensors = {wan_name(name): x for name, x in tensors_of(model).items()}
    assert "blocks.1.pos_embedding.embedding.weight" in tensors
    safetensors.save_file(tensors, folder / "umt5.safetensors")
    compare("Wan's names", folder, model, PROMPTS["a_sentence"])


def test_a_copy_of_the_table_of_tokens_changes_nothing(folder):
    model = make_model(CASES[0], 10)
    tensors = tensors_of(model)
    tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"].clone()
    safetensors.save_file(tensors, folder / "umt5.safetensors")
    compare("two tables", folder, model, PROMPTS["one_word"])


def test_values_beyond_fp16_stay_numbers(folder):
    """The feed-forward's inner products here are beyond 65504, where fp16 of transformers has infinities.

    bf16 holds them with fewer digits than fp16 has, so fp16 must not be further off than bf16 may be.
    """
    model = make_model(CASES[0], 11)
    for block in model.encoder.block:
        dense = block.layer[1].DenseReluDense
        dense.wi_0.weight.data *= 300
        dense.wi_1.weight.data *= 300
        dense.wo.weight.data /= 300
    safetensors.save_file(tensors_of(model), folder / "umt5.safetensors")
    prompt = PROMPTS["a_sentence"]
    ids = ids_of(folder / "spiece.model", prompt)
    exact = run_theirs(model, ids, torch.float64)
    bf16 = run_theirs(model.float(), ids, torch.bfloat16)
    out = run_ours(folder, prompt, "float16")
    assert torch.isfinite(out).all()
    probe.assert_as_exact_as("beyond fp16", out, exact, bf16)


def test_a_long_prompt_is_told_to_be_cut(folder):
    model = make_model(CASES[0], 12)
    safetensors.save_file(tensors_of(model), folder / "umt5.safetensors")
    package = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    prompt = PROMPTS["over_the_limit"]
    count = len(package.encode(prompt))
    cut = count - (TEXT_LEN - 1)
    assert cut > 0
    result = probe.call_probe("umt5=float32", folder, folder / "out.safetensors", prompt)
    assert result == (f"the prompt has {count} tokens, and the last {cut} were cut: the model takes {TEXT_LEN - 1}\n")
    assert probe.call_probe("umt5=float32", folder, folder / "out.safetensors", "a red ball") == "\n"
