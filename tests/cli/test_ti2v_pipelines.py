# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Wan 2.2 TI2V 5B in small, from text: pipelines as diffusers saves them and model folders with upstream's names."""

import shutil

import pytest

from tests.cli.test_diffusers_pipelines import (
    assert_same_clip,
    change_json,
    frames_of,
    make_parts,
    make_transformer,
    make_vae,
    save_model_folder,
    save_pipeline,
    theirs,
)
from tests.engine import small_wan22
from tests.engine.parity import save_file

pytestmark = pytest.mark.slow  # all of it together

SIZE = ("--size", "96x64", "--frames", 5)
LATENT = (small_wan22.CHANNELS, 2, 4, 6)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return make_parts(tmp_path_factory.mktemp("tokenizer"), small_wan22.make_vae(3))


@pytest.fixture(scope="module")
def transformer():
    return make_transformer(1, small_wan22.CHANNELS)


@pytest.fixture(scope="module")
def pipeline(parts, transformer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline") / "ti2v"
    return save_pipeline(folder, parts, {"transformer": transformer}, expand_timesteps=True)


def test_the_clip_is_diffusers_own(twill, parts, transformer, pipeline, tmp_path):
    frames_of(twill, pipeline, tmp_path / "ours", SIZE)
    assert_same_clip(tmp_path / "ours", theirs(parts, transformer, LATENT, (96, 64), expand_timesteps=True))


def test_a_pipeline_makes_the_clip_of_a_model_folder(twill, parts, transformer, pipeline, tmp_path):
    networks = {"dit": transformer}
    folder = save_model_folder(tmp_path / "folder", parts, networks, "wan2.2-ti2v", small_wan22.original_name)
    ours = frames_of(twill, pipeline, tmp_path / "a", SIZE)
    assert len(ours) == 5
    assert ours == frames_of(twill, folder, tmp_path / "b", SIZE)


def test_a_checkpoint_takes_the_vae_of_48_channels(twill, parts, transformer, tmp_path):
    """Beside it lies Wan 2.1's too, under the name that comes first."""
    networks = {"dit": transformer}
    folder = save_model_folder(tmp_path / "folder", parts, networks, "wan2.2-ti2v", small_wan22.original_name)
    earlier = make_parts(tmp_path / "folder", make_vae())[0]["vae"]
    save_file({name: x.contiguous() for name, x in earlier.state_dict().items()}, folder / "a.safetensors")
    wanted = frames_of(twill, folder, tmp_path / "a", SIZE)
    assert frames_of(twill, folder / "dit.safetensors", tmp_path / "b", (*SIZE, "--shift", 3)) == wanted


@pytest.mark.parametrize(
    ("file", "fields", "says"),
    [
        ("vae/config.json", {"is_residual": False}, ": is Wan 2.1's VAE, but the pipeline has expand_timesteps, as"),
        ("model_index.json", {"expand_timesteps": False}, ": is Wan 2.2's VAE of 48 channels (is_residual), but the"),
        (
            "model_index.json",
            {"transformer_2": ["diffusers", "WanTransformer3DModel"]},
            ": has times of its own for each token (expand_timesteps), as Wan 2.2 TI2V 5B, and a transformer_2,",
        ),
        ("vae/config.json", {"z_dim": 16}, ".z_dim is 16; the engine's network has 48"),
        ("vae/config.json", {"patch_size": 4}, ".patch_size is 4; the engine's network has 2"),
        ("vae/config.json", {"in_channels": 3}, ".in_channels is 3; the engine's network has 12"),
        ("vae/config.json", {"latents_mean": [0.0] * 48}, ".latents_mean is not that of Wan's VAE of 48 channels"),
    ],
)
def test_what_the_engine_does_not_run_is_refused_by_field(twill, pipeline, tmp_path, file, fields, says):
    folder = tmp_path / "changed"
    shutil.copytree(pipeline, folder)
    change_json(folder / file, **fields)
    line = twill.refuses(1, "generate", "--model", folder, "--prompt", "a", *SIZE, "--out", tmp_path / "clip")
    assert line.startswith(str(folder / ("vae/config.json" if "VAE" in says else file))), line
    assert says in line
    assert not (tmp_path / "clip").exists()


def test_a_size_of_other_steps_is_refused(twill, pipeline, tmp_path):
    size = ("--size", "96x48", "--frames", 5)
    line = twill.refuses(2, "generate", "--model", pipeline, "--prompt", "a", *size, "--out", tmp_path / "clip")
    assert "height 48 is not a multiple of 32" in line
