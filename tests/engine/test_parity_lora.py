# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""LoRA files of every naming, merged at load, against the network with weights merged in double by the definition."""

import json

import pytest

from tests.engine import parity
from tests.engine.parity import save_file, torch
from tests.engine.test_parity_dit import (
    RENAMED,
    Case,
    make_inputs,
    make_model,
    original_name,
    run_theirs,
    save_original,
)

CASE = Case("small", head_dim=32, layers=2, ffn=96, latent=(2, 6, 6))
SEED = 31
RANK = 4
SCALE = 0.75  # of strength and alpha together

# Linear layers, by upstream's names: inside and outside of blocks.
MODULES = [
    *(f"blocks.{i}.{kind}.{product}" for i in (0, 1) for kind in ("self_attn", "cross_attn") for product in "qkvo"),
    "blocks.0.ffn.0",
    "blocks.1.ffn.2",
    "text_embedding.0",
    "time_projection.1",
    "head.head",
]


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {original_name(name): x for name, x in model.state_dict().items()}


def their_name(module: str) -> str:
    """Diffusers' name of a module: the renaming of test_parity_dit, the other way."""
    name = module + ".weight"
    for original, theirs in RENAMED:
        if original in name:
            name = name.replace(original, theirs)
            break
    return name.removesuffix(".weight")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """(file of the network, its tensors, inputs)."""
    folder = tmp_path_factory.mktemp("base")
    model = make_model(CASE, SEED)
    save_original(model, CASE, folder / "dit.safetensors")
    return folder / "dit.safetensors", weights_of(model), make_inputs(CASE, SEED)


@pytest.fixture(scope="module")
def factors(base) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """(up, down) of each module."""
    _, weights, _ = base
    generator = torch.Generator().manual_seed(SEED)
    made = {}
    for module in MODULES:
        out, width = weights[module + ".weight"].shape
        made[module] = (
            torch.randn(out, RANK, generator=generator) / RANK**0.5,
            torch.randn(RANK, width, generator=generator) / width**0.5,
        )
    return made


def merged_model(changed: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The network in double, with those of its weights."""
    model = make_model(CASE, SEED).double()
    for name, parameter in model.named_parameters():
        if original_name(name) in changed:
            parameter.data.copy_(changed[original_name(name)])
    return model


def merged_runs(changed: dict[str, torch.Tensor], inputs: dict[str, torch.Tensor]):
    """(exact, theirs): diffusers with weights that are `changed` in double, run in double and in fp32."""
    model = merged_model(changed)
    exact = run_theirs(model, inputs, torch.float64)
    return exact, run_theirs(model, inputs, torch.float32)


@pytest.fixture(scope="module")
def merged(base, factors):
    _, weights, inputs = base
    changed = {
        f"{module}.weight": weights[f"{module}.weight"].double() + SCALE * up.double() @ down.double()
        for module, (up, down) in factors.items()
    }
    return merged_runs(changed, inputs)


def file_of(factors, name, down, up, alpha=None) -> dict[str, torch.Tensor]:
    tensors = {}
    for module, (second, first) in factors.items():
        tensors[name(module) + down] = first.clone()
        tensors[name(module) + up] = second.clone()
        if alpha is not None:
            tensors[name(module) + ".alpha"] = torch.tensor(float(alpha))
    return tensors


def upstream(module):
    return "diffusion_model." + module


def underscored(module):
    return "lora_unet_" + module.replace(".", "_")


def of_diffusers(module):
    return "transformer." + their_name(module)


STATED = {
    "transformer.r": RANK,
    "transformer.lora_alpha": 8 * RANK,
    "transformer.alpha_pattern": {"attn1.to_q": RANK},
    "transformer.rank_pattern": {},
    "transformer.target_modules": ["to_q"],
}
NAMINGS = {
    "lightx2v": (upstream, ".lora_down.weight", ".lora_up.weight", None, SCALE),
    "ai_toolkit": (upstream, ".lora_A.weight", ".lora_B.weight", None, SCALE),
    "diffsynth": (lambda module: module, ".lora_A.default.weight", ".lora_B.default.weight", None, SCALE),
    "musubi_with_alpha": (underscored, ".lora_down.weight", ".lora_up.weight", RANK / 2, 2 * SCALE),
    "upstream_with_alpha": (upstream, ".lora_down.weight", ".lora_up.weight", RANK * 3, SCALE / 3),
    "diffusers": (of_diffusers, ".lora_A.weight", ".lora_B.weight", None, SCALE),
    "peft": (lambda module: "base_model.model." + module, ".lora_A.weight", ".lora_B.weight", None, SCALE),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_pairs_of_every_naming(naming, base, factors, merged, tmp_path):
    dit, _, inputs = base
    name, down, up, alpha, strength = NAMINGS[naming]
    tensors = file_of(factors, name, down, up, alpha)
    save_file(tensors, tmp_path / "lora.safetensors")
    out = parity.run_probe(tmp_path, f"lora={tmp_path / 'lora.safetensors'}:{strength}", dit, inputs)
    parity.assert_as_exact_as(naming, out, *merged)


def test_alphas_in_the_header_of_diffusers(base, factors, merged, tmp_path):
    """Every module's factors are smaller by its scale there: 8, but 1 where the pattern says so."""
    dit, _, inputs = base
    own = {module: (up / (1 if module.endswith("self_attn.q") else 8), down) for module, (up, down) in factors.items()}
    tensors = file_of(own, of_diffusers, ".lora_A.weight", ".lora_B.weight")
    save_file(tensors, tmp_path / "lora.safetensors", metadata={"lora_adapter_metadata": json.dumps(STATED)})
    out = parity.run_probe(tmp_path, f"lora={tmp_path / 'lora.safetensors'}:{SCALE}", dit, inputs)
    parity.assert_as_exact_as("header", out, *merged)


def test_differences_of_every_kind(base, factors, tmp_path):
    """As files extracted by ComfyUI's tools have them, and a factored patch embedding."""
    dit, weights, inputs = base
    generator = torch.Generator().manual_seed(SEED + 1)

    def small(row: str) -> torch.Tensor:
        return 0.2 * torch.randn(weights[row].shape, generator=generator)

    differences = {
        "blocks.0.self_attn.q.diff_b": "blocks.0.self_attn.q.bias",
        "blocks.1.ffn.2.diff_b": "blocks.1.ffn.2.bias",
        "patch_embedding.diff_b": "patch_embedding.bias",
        "head.head.diff": "head.head.weight",
        "head.diff_m": "head.modulation",
        "blocks.0.diff_m": "blocks.0.modulation",
        "blocks.1.self_attn.norm_q.diff": "blocks.1.self_attn.norm_q.weight",
        "blocks.0.norm3.diff": "blocks.0.norm3.weight",
        "blocks.0.norm3.diff_b": "blocks.0.norm3.bias",
        "time_embedding.2.diff": "time_embedding.2.weight",
    }
    tensors = {}
    changed = {}
    for name, row in differences.items():
        tensors[upstream(name)] = small(row)
        changed[row] = weights[row].double() + SCALE * tensors[upstream(name)].double()
    tensors[upstream("blocks.0.cross_attn.v.set_weight")] = small("blocks.0.cross_attn.v.weight")
    changed["blocks.0.cross_attn.v.weight"] = tensors[upstream("blocks.0.cross_attn.v.set_weight")].double()
    kernel = weights["patch_embedding.weight"]
    up = torch.randn(kernel.shape[0], 2, 1, 1, 1, generator=generator)
    down = 0.1 * torch.randn(2, *kernel.shape[1:], generator=generator)
    tensors[upstream("patch_embedding.lora_up.weight")] = up
    tensors[upstream("patch_embedding.lora_down.weight")] = down
    delta = up.double().flatten(1) @ down.double().flatten(1)
    changed["patch_embedding.weight"] = kernel.double() + SCALE * delta.view(kernel.shape)
    save_file(tensors, tmp_path / "lora.safetensors")
    out = parity.run_probe(tmp_path, f"lora={tmp_path / 'lora.safetensors'}:{SCALE}", dit, inputs)
    exact, theirs = merged_runs(changed, inputs)
    parity.assert_as_exact_as("differences", out, exact, theirs)
    # Each of them changes the result by more than any rounding.
    for row in changed:
        others = {key: value for key, value in changed.items() if key != row}
        without = run_theirs(merged_model(others), inputs, torch.float64)
        assert (without - exact).abs().max() > 1e-4, row
