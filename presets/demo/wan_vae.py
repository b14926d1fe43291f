# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The Wan 2.1 VAE at any width, written for training: the whole clip in one causal pass.

Upstream runs clips in chunks (1 frame, then 4 at a time) with caches; the chunking is part of the
maths, since the first frame skips the temporal resampling. Here the same rules stand in parallel
form. Activations are [batch, frames, height, width, channels] throughout, so that normalisation is
over the last axis and every convolution is a channels-last 2-D one over stacked time taps.
Parameter names and shapes are upstream's.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

LATENT_CHANNELS = 16
# The fixed statistics that users of Wan 2.1 latents normalise with.
LATENT_MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)  # fmt: skip
LATENT_STD = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)  # fmt: skip


def latent_statistics(device: torch.device | str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation, each [16, 1, 1, 1], of latents [16, frames, height, width]."""
    mean = torch.tensor(LATENT_MEAN, device=device).view(-1, 1, 1, 1)
    return mean, torch.tensor(LATENT_STD, device=device).view(-1, 1, 1, 1)


def _norm(x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    wide = x.float()
    scale = wide.square().sum(-1, keepdim=True).clamp(min=1e-24).rsqrt() * x.shape[-1] ** 0.5
    return wide * scale * gamma.flatten().float()


def _norm_silu(x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    return F.silu(_norm(x, gamma)).to(x.dtype)


def _taps(x: torch.Tensor) -> torch.Tensor:
    """Put frames t-2, t-1 and t side by side: [..., channels] to [..., 3 * channels]."""
    frames = x.shape[1]
    padded = F.pad(x, (0, 0, 0, 0, 0, 0, 2, 0))
    return torch.cat([padded[:, i : i + frames] for i in range(3)], -1)


def _run_norm_silu_taps(x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """x: [..., channels]; returns the activated frames as `_taps` stacks them."""
    if x.is_cuda:
        from norm_kernel import norm_silu_taps

        return norm_silu_taps(x, gamma)
    return _taps(_norm_silu(x, gamma))


def _conv2d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, **options) -> torch.Tensor:
    """x: [batch, frames, height, width, channels]; weight: [out, channels, kh, kw]."""
    batch, frames = x.shape[:2]
    out = F.conv2d(x.flatten(0, 1).permute(0, 3, 1, 2), weight, bias, **options)
    return out.permute(0, 2, 3, 1).unflatten(0, (batch, frames))


class CausalConv3d(nn.Module):
    """Kernel (1, 1, 1), (3, 1, 1) or (3, 3, 3): two zero frames in front, none behind."""

    def __init__(self, channels: int, out: int, kernel: tuple[int, int, int]):
        super().__init__()
        reference = nn.Conv3d(channels, out, kernel)
        self.weight, self.bias = reference.weight, reference.bias
        self.pad = kernel[1] // 2

    def on_taps(self, x: torch.Tensor) -> torch.Tensor:
        """x: what `_taps` gives. The time taps of the kernel become input channels."""
        weight = self.weight.permute(0, 2, 1, 3, 4).flatten(1, 2)
        return _conv2d(x, weight, self.bias, padding=self.pad)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.weight.shape[2] == 1:
            return F.linear(x, self.weight.flatten(1), self.bias)
        return self.on_taps(_taps(x))


class RMSNorm(nn.Module):
    """Unit length over the channels, times sqrt(channels) and gamma; `axes` trailing ones."""

    def __init__(self, channels: int, axes: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *(1,) * axes))


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, out: int):
        super().__init__()
        self.residual = nn.Sequential(
            RMSNorm(channels, 3),
            nn.SiLU(),
            CausalConv3d(channels, out, (3, 3, 3)),
            RMSNorm(out, 3),
            nn.SiLU(),
            nn.Dropout(0.0),
            CausalConv3d(out, out, (3, 3, 3)),
        )
        same = channels == out
        self.shortcut = nn.Identity() if same else CausalConv3d(channels, out, (1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.residual[2].on_taps(_run_norm_silu_taps(x, self.residual[0].gamma))
        y = self.residual[6].on_taps(_run_norm_silu_taps(y, self.residual[3].gamma))
        return self.shortcut(x) + y


class AttentionBlock(nn.Module):
    """One head over the places of each frame."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = RMSNorm(channels, 2)
        self.to_qkv = nn.Conv2d(channels, channels * 3, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, frames, *_, channels = x.shape
        y = _norm(x, self.norm.gamma).to(x.dtype).reshape(batch * frames, 1, -1, channels)
        qkv = F.linear(y, self.to_qkv.weight.flatten(1), self.to_qkv.bias)
        y = F.scaled_dot_product_attention(*qkv.chunk(3, -1))
        y = F.linear(y, self.proj.weight.flatten(1), self.proj.bias)
        return x + y.reshape(x.shape)


class Resample(nn.Module):
    """Up or down by two in space and, with `temporal`, in time."""

    def __init__(self, channels: int, up: bool, temporal: bool):
        super().__init__()
        self.up, self.temporal = up, temporal
        if up:
            self.resample = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest-exact"),
                nn.Conv2d(channels, channels // 2, 3, padding=1),
            )
        else:
            self.resample = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, stride=2))
        if temporal:
            out = channels * 2 if up else channels
            self.time_conv = CausalConv3d(channels, out, (3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        conv = self.resample[1]
        if self.up:
            if self.temporal and x.shape[1] > 1:
                # The first frame passes unchanged and is no history for the others, each of which
                # becomes two: the doubled channels are (first, second) of the pair.
                rest = self.time_conv(x[:, 1:])
                rest = rest.unflatten(-1, (2, x.shape[-1])).movedim(-2, 2).flatten(1, 2)
                x = torch.cat([x[:, :1], rest], 1)
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            return _conv2d(x, conv.weight, conv.bias, padding=1)
        x = _conv2d(F.pad(x, (0, 0, 0, 1, 0, 1)), conv.weight, conv.bias, stride=2)
        if self.temporal and x.shape[1] > 1:
            # The first frame passes unchanged; then each output sees frames 2i, 2i+1 and 2i+2.
            weight = self.time_conv.weight.permute(0, 2, 1, 3, 4).flatten(1)
            stacked = torch.cat([x[:, :-2:2], x[:, 1:-1:2], x[:, 2::2]], -1)
            x = torch.cat([x[:, :1], F.linear(stacked, weight, self.time_conv.bias)], 1)
        return x


class Encoder3d(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        dims = [width, width, width * 2, width * 4, width * 4]
        self.conv1 = CausalConv3d(3, width, (3, 3, 3))
        layers: list[nn.Module] = []
        for level in range(4):
            layers.append(ResidualBlock(dims[level], dims[level + 1]))
            layers.append(ResidualBlock(dims[level + 1], dims[level + 1]))
            if level < 3:
                layers.append(Resample(dims[level + 1], up=False, temporal=level > 0))
        self.downsamples = nn.Sequential(*layers)
        top = dims[-1]
        self.middle = nn.Sequential(ResidualBlock(top, top), AttentionBlock(top), ResidualBlock(top, top))
        self.head = nn.Sequential(RMSNorm(top, 3), nn.SiLU(), CausalConv3d(top, 2 * LATENT_CHANNELS, (3, 3, 3)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.middle(self.downsamples(self.conv1(x)))
        return self.head[2].on_taps(_run_norm_silu_taps(x, self.head[0].gamma))


class Decoder3d(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        top = width * 4
        self.conv1 = CausalConv3d(LATENT_CHANNELS, top, (3, 3, 3))
        self.middle = nn.Sequential(ResidualBlock(top, top), AttentionBlock(top), ResidualBlock(top, top))
        layers: list[nn.Module] = []
        channels = top
        for level, out in enumerate((width * 4, width * 4, width * 2, width)):
            for _ in range(3):
                layers.append(ResidualBlock(channels, out))
                channels = out
            if level < 3:
                layers.append(Resample(out, up=True, temporal=level < 2))
                channels = out // 2
        self.upsamples = nn.Sequential(*layers)
        self.head = nn.Sequential(RMSNorm(width, 3), nn.SiLU(), CausalConv3d(width, 3, (3, 3, 3)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.upsamples(self.middle(self.conv1(x)))
        return self.head[2].on_taps(_run_norm_silu_taps(x, self.head[0].gamma))


class WanVae(nn.Module):
    """Clips [batch, 3, 4n+1, height, width] in -1..1 to latents [batch, 16, n+1, h/8, w/8]."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.encoder = Encoder3d(width)
        self.conv1 = CausalConv3d(2 * LATENT_CHANNELS, 2 * LATENT_CHANNELS, (1, 1, 1))
        self.conv2 = CausalConv3d(LATENT_CHANNELS, LATENT_CHANNELS, (1, 1, 1))
        self.decoder = Decoder3d(width)

    def encode_last(self, clip: torch.Tensor) -> torch.Tensor:
        """As `encode`, channels last on both sides."""
        return self.conv1(self.encoder(clip))[..., :LATENT_CHANNELS]

    def decode_last(self, latent: torch.Tensor) -> torch.Tensor:
        """As `decode`, channels last on both sides, not clamped."""
        return self.decoder(self.conv2(latent))

    def encode(self, clip: torch.Tensor) -> torch.Tensor:
        """The mean of the posterior, in Wan's latent units (not normalised)."""
        return self.encode_last(clip.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Latents in Wan's units to clips in -1..1."""
        out = self.decode_last(latent.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)
        return out.clamp(-1, 1)


@torch.no_grad()
def fold_statistics(vae: WanVae, mean: torch.Tensor, std: torch.Tensor, noise: float) -> None:
    """Rescale conv1 and conv2 so that latents with `mean`, `std` [16] get Wan's statistics.

    The other half of conv1 becomes the constant log-variance of the training noise (`noise` in
    units of the latents before the rescaling).
    """
    want_mean = torch.tensor(LATENT_MEAN, device=mean.device)
    want_std = torch.tensor(LATENT_STD, device=mean.device)
    gain = want_std / std
    out = LATENT_CHANNELS
    vae.conv1.weight[:out] *= gain.view(-1, 1, 1, 1, 1)
    vae.conv1.bias[:out] = (vae.conv1.bias[:out] - mean) * gain + want_mean
    vae.conv1.weight[out:] = 0
    vae.conv1.bias[out:] = 2 * (noise * gain).log()
    vae.conv2.bias += vae.conv2.weight.flatten(1) @ (mean - want_mean / gain)
    vae.conv2.weight /= gain.view(1, -1, 1, 1, 1)
