# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The demo model's transformer: upstream's maths, and a loss far below an untrained one's."""

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the transformer runs in torch")
pytest.importorskip("safetensors", reason="reads the demo model's weights")

import captions  # noqa: E402
from data import HELD_OUT_SEED, ClipSize  # noqa: E402
from export import load_model  # noqa: E402
from train_dit import EncodedClips, held_out_loss, pad_ids  # noqa: E402
from wan_dit import WanDit  # noqa: E402

DEMO = Path(captions.__file__).parent


def to_diffusers(key: str) -> str:
    """The name that diffusers gives to a parameter of the original transformer."""
    renames = {
        r"^time_embedding\.0\.": "condition_embedder.time_embedder.linear_1.",
        r"^time_embedding\.2\.": "condition_embedder.time_embedder.linear_2.",
        r"^text_embedding\.0\.": "condition_embedder.text_embedder.linear_1.",
        r"^text_embedding\.2\.": "condition_embedder.text_embedder.linear_2.",
        r"^time_projection\.1\.": "condition_embedder.time_proj.",
        r"^head\.modulation": "scale_shift_table",
        r"^head\.head\.": "proj_out.",
        r"\.modulation": ".scale_shift_table",
        r"\.ffn\.0\.": ".ffn.net.0.proj.",
        r"\.ffn\.2\.": ".ffn.net.2.",
        r"\.norm3\.": ".norm2.",
        r"_attn\.([qkv])\.": r"_attn.to_\1.",
        r"_attn\.o\.": "_attn.to_out.0.",
        r"self_attn": "attn1",
        r"cross_attn": "attn2",
    }
    for pattern, name in renames.items():
        key = re.sub(pattern, name, key)
    return key


def test_equals_diffusers() -> None:
    diffusers = pytest.importorskip("diffusers", reason="the reference is diffusers'")
    torch.manual_seed(0)
    dit = WanDit(dim=128, layers=2, ffn_dim=192).eval()
    for parameter in dit.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    reference = diffusers.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=64, in_channels=16, out_channels=16,
        text_dim=64, freq_dim=256, ffn_dim=192, num_layers=2,
    ).eval()  # fmt: skip
    reference.load_state_dict({to_diffusers(k): v for k, v in dit.state_dict().items()})
    latent, text = torch.randn(2, 16, 3, 8, 12), torch.randn(2, 32, 64)
    timestep = torch.tensor([987.5, 12.25])
    with torch.no_grad():
        want = reference(latent, timestep, text).sample
        got = dit(latent, timestep, text)
    torch.testing.assert_close(got, want, atol=2e-4, rtol=2e-4)


@pytest.mark.slow
def test_loss_on_held_out_clips() -> None:
    dit, text, vae = load_model(DEMO)
    size = ClipSize(320, 192, 33)  # the cheapest that was trained on
    with torch.no_grad():
        clips = EncodedClips(size).extend(vae, 1, HELD_OUT_SEED + 700_000, "cpu").finish()
        # An untrained model has about 2, the committed one 0.09 over many clips.
        assert held_out_loss(dit, text, clips) < 0.2


def test_words_after_the_end_are_zero() -> None:
    _, text, _ = load_model(DEMO)
    prompt = captions.read_prompts(DEMO / "prompts_test.txt")[0]
    rows = text(pad_ids([prompt]))[0]
    count = len(captions.token_ids(prompt))
    assert rows.shape == (32, 64)
    assert rows[:count].abs().sum(1).min() > 0 and rows[count:].abs().max() == 0
