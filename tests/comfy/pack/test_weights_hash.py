# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a search keeps is kept of these very weights: no byte of them, and no patch, may change unseen."""

import comfy.model_management
import pytest
import torch
from small_models import CASES, build
from twill_pack.twill_nodes.search.clips import check_finite
from twill_pack.twill_nodes.search.weights_hash import weights_hash

CASE = CASES["wan_t2v"]


@pytest.fixture
def model():
    return build(CASE)


def weight_of(model, name: str) -> torch.Tensor:
    return model.model.state_dict()[name]


def test_any_element_of_any_tensor_counts(model):
    seen = {weights_hash(model)}
    assert seen == {weights_hash(model)}
    state = model.model.state_dict()
    count = 1
    for name in [name for name in sorted(state) if name.startswith("diffusion_model.")]:
        tensor = state[name].detach().view(-1)
        for place in {0, tensor.numel() // 2, tensor.numel() - 1}:
            tensor[place] += 1
            seen.add(weights_hash(model))
            count += 1
    assert len(seen) == count


def test_equal_models_have_one_name(model):
    assert weights_hash(model) == weights_hash(build(CASE))
    assert len(weights_hash(model)) == 16


def test_patches_count_with_their_strength_and_values(model):
    name = "diffusion_model.blocks.0.ffn.0.weight"
    change = torch.ones_like(weight_of(model, name))

    def patched(strength: float, value: torch.Tensor):
        clone = model.clone()
        clone.add_patches({name: ("diff", (value,))}, strength)
        return clone

    once = change.clone()
    once[-1, -1] = 2
    names = [weights_hash(each) for each in (model, patched(1.0, change), patched(0.5, change), patched(1.0, once))]
    assert len(set(names)) == 4
    assert weights_hash(patched(0.5, change)) == names[2]


def test_applying_the_patches_changes_nothing(model):
    name = "diffusion_model.blocks.1.ffn.0.weight"
    clone = model.clone()
    clone.add_patches({name: ("diff", (torch.ones_like(weight_of(model, name)),))}, 1.0)
    before, weight = weights_hash(clone), weight_of(model, name).clone()
    comfy.model_management.load_models_gpu([clone])
    try:
        assert not torch.equal(weight_of(model, name), weight), "the patches were not applied"
        assert weights_hash(clone) == before
    finally:
        comfy.model_management.unload_all_models()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_latent_that_is_not_finite_is_told_with_its_step(value):
    latent = torch.zeros(1, 16, 2, 4, 4)
    check_finite(1, latent)
    latent[0, 3, 1, 2, 3] = value
    with pytest.raises(ValueError, match="from step 3 on the latent is not finite"):
        check_finite(3, latent)
