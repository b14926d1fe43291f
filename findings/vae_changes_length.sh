#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Video VAEs of diffusers take any number of frames and give back another: Wan drops the last ones, CogVideoX adds some.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 diffusers==0.42.1 numpy==2.4.6
guess "decode(encode(clip)) is as long and as high as the clip, or a size that does not fit is refused"
observe <<'PYTHON'
import diffusers
import torch
from finding import verdict

torch.manual_seed(0)
wan = diffusers.AutoencoderKLWan(
    base_dim=8, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
    latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
)
cog = diffusers.AutoencoderKLCogVideoX(
    block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=2,
    down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
)


def there_and_back(vae, frames, height=16):
    with torch.no_grad():
        latent = vae.encode(torch.randn(1, 3, frames, height, 16)).latent_dist.mode()
        return tuple(vae.decode(latent).sample.shape[2:4])


back = {name: {} for name in ("Wan", "CogVideoX")}
for frames in (5, 8, 9, 13, 16, 17, 21):
    for name, vae in (("Wan", wan), ("CogVideoX", cog)):
        back[name][frames] = there_and_back(vae, frames)[0]
    print(f"{frames:2} frames: {back['Wan'][frames]:2} back from Wan, {back['CogVideoX'][frames]:2} from CogVideoX")
height = there_and_back(wan, 5, 20)[1]
print(f"20 rows: {height} back from Wan")
seen = [back["Wan"][frames] for frames in (8, 16, 17)] == [5, 13, 17] and height == 16
seen &= [back["CogVideoX"][frames] for frames in (5, 13, 16, 17, 21)] == [8, 16, 16, 17, 24]
verdict(seen, "Wan: 16 frames become 13 and 20 rows 16; CogVideoX: 13 become 16 and 21 become 24, though both are 4n + 1; no message")
PYTHON
