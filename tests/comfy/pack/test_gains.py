# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What the heads add, of every class of model: together it is what the block itself adds to the stream."""

import re

import pytest
import torch
from small_models import CASES, build, normal, sample
from twill_pack.twill_nodes.layouts import family_of
from twill_pack.twill_nodes.search.gains import Sample, added_by_heads, arguments_of, estimated_gains, gains, spread
from twill_pack.twill_nodes.search.profiling import sampled

OVERRIDE = "optimized_attention_override"
# The last layers of what a block does beside self-attention; silenced, only self-attention moves the stream.
BESIDE = (
    r"cross_attn\.o|ffn\.2|img_mlp\.2|ff_out|attn2\.to_out\.0|ff\.net\.2|mlp_x\.w2|blocks\.1\.block\.attn\.to_out\.0"
    r"|blocks\.2\.block\.layer2|cross_attn\.output_proj|mlp\.layer2|cross_attention\.out_layer|feed_forward\.out_layer"
    r"|audio_to_video_attn\.to_out\.0"
)
# The random stream of this one is so large that nothing small can be told from rounding.
LOUDER = {"CogVideoXBlock": 1e5}
STACKS = [(name, stack) for name, case in CASES.items() for stack in range(len(case.stacks))]


def silence_the_rest(block, residual, inner: int) -> None:
    for name, module in block.named_modules():
        if re.fullmatch(BESIDE, name):
            module.weight.data.zero_()
            if module.bias is not None:
                module.bias.data.zero_()
    projection = residual.projection(block)
    projection.weight.data[:, inner:] = 0
    projection.weight.data *= LOUDER.get(type(block).__name__, 1.0)
    if projection.bias is not None:
        projection.bias.data.zero_()


def observed(model, case, block, residual):
    """(arguments, attended, stream before, stream after) of the first forward through the block, guidance of two."""
    seen = {}

    def enter(module, args, kwargs):
        if "arguments" not in seen:
            arguments = arguments_of(module, args, kwargs)
            seen["before"] = residual.stream(module, arguments).clone()
            # Some blocks add in place.
            copies = {
                key: value.clone() if isinstance(value, torch.Tensor) else value for key, value in arguments.items()
            }
            if isinstance(arguments.get("x"), (tuple, list)):
                copies["x"] = tuple(x.clone() for x in arguments["x"])
            seen["arguments"] = copies

    def leave(module, args, output):
        if "after" not in seen:
            # The next block adds in place.
            seen["after"] = stream_of(module, output).clone()

    def note(func, q, k, v, *args, **kwargs):
        out = func(q, k, v, *args, **kwargs)
        if "arguments" in seen and "attended" not in seen and q.shape == k.shape:
            seen["attended"] = out if kwargs.get("skip_output_reshape") else out.unflatten(-1, (2, -1)).transpose(1, 2)
        return out

    noted = model.clone()
    noted.model_options.setdefault("transformer_options", {})[OVERRIDE] = note
    hooks = [block.register_forward_pre_hook(enter, with_kwargs=True), block.register_forward_hook(leave)]
    # A prompt's mask does not fit a batch of two in LTX-Video's class.
    sample(noted, case, steps=1, cfg=1.0 if "attention_mask" in case.cond() else 3.0)
    for hook in hooks:
        hook.remove()
    return seen


def stream_of(block, output):
    """[batch, tokens, dim] of what a block returns: beside text, sound, or what it skips."""
    while isinstance(output, (tuple, list)):
        output = output[-1] if hasattr(block, "block_id") else output[0]
    if output.ndim == 3:
        return output
    batch_behind = getattr(block, "x_format", "") == "THWBD"
    return output.flatten(0, 2).transpose(0, 1) if batch_behind else output.flatten(1, 3)


@pytest.mark.parametrize(("name", "stack"), STACKS, ids=[f"{name}-{stack}" for name, stack in STACKS])
def test_the_heads_add_up_to_what_the_block_adds(name, stack):
    case = CASES[name]
    model = build(case)
    network = model.model.diffusion_model
    family = family_of(network)
    block, residual = family.stacks(network)[stack][0], family.residuals[stack]
    silence_the_rest(block, residual, 2 * case.head_dim)
    seen = observed(model, case, block, residual)
    frames, rows, cols = case.grid
    at = sampled(frames * rows * cols)
    attended = seen["attended"]
    for row in range(attended.shape[0]):
        heads = attended[row].index_select(1, case.prefix + at).transpose(0, 1).float()
        part = Sample(heads, at, row, case.prefix, attended.shape[2])
        before, after = seen["before"][row], seen["after"][row]
        where = at + case.prefix if before.shape[0] == attended.shape[2] else at
        moved = (after - before).index_select(0, where)
        added = list(added_by_heads(residual, block, seen["arguments"], part))
        assert moved.norm() > 0.01 * before.norm(), "nothing was added"
        torch.testing.assert_close(sum(added), moved, rtol=1e-3, atol=1e-4 * float(moved.abs().max()))
        energy = before.index_select(0, where).square().sum()
        expected = [float(part.square().sum() / energy) for part in added]
        assert gains(residual, block, seen["arguments"], part) == pytest.approx(expected, rel=1e-4)


def test_a_gate_per_frame_is_that_of_the_tokens_frame():
    gate = torch.arange(3.0).unsqueeze(1)
    assert spread(gate, torch.tensor([0, 3, 4, 11]), 12).flatten().tolist() == [0, 0, 1, 2]
    assert spread(gate[:1], torch.tensor([0, 11]), 12).shape == (1, 1)


def test_an_unknown_block_is_weighed_by_its_output():
    heads = normal(1, 4, 2, 3)
    heads[:, 1] *= 2
    shares = estimated_gains(Sample(heads, torch.arange(4), 0, 0, 4))
    assert sum(shares) == pytest.approx(1.0)
    assert shares[1] > shares[0]
