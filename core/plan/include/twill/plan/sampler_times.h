// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What samplers are called (in model.json, on the command line and in the app), and the times that
// they step through. The steps themselves are the engine's.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace twill {

enum class SamplerKind : std::uint8_t { kEuler, kUniPc, kComfyUniPc, kComfyUniPcBh2 };

// The last two are ComfyUI's, by its names.
inline constexpr std::array<std::pair<SamplerKind, std::string_view>, 4> kSamplerNames{{
    {SamplerKind::kEuler, "euler"},
    {SamplerKind::kUniPc, "unipc"},
    {SamplerKind::kComfyUniPc, "uni_pc"},
    {SamplerKind::kComfyUniPcBh2, "uni_pc_bh2"},
}};

// Throws Error(kUsage) for a name not in kSamplerNames.
SamplerKind sampler_kind(std::string_view name);

// t before each step, descending: [steps], 1 = noise. It is shift * u / (1 + (shift - 1) * u) for
// these u:
// "euler": from 1 to 0 in even steps, rounded up to thousandths as ComfyUI's ModelSamplingSD3 with
// the scheduler "simple" has them; what does not divide 1000 steps unevenly.
// "uni_pc", "uni_pc_bh2": the same of one step more, which ComfyUI leaves out; it ends at t =
// 0.001. "unipc": from 1 to 0.001, then t = 0, and the first t lowered by 1e-6 to keep log((1 - t)
// / t) finite, as in diffusers' UniPCMultistepScheduler with use_flow_sigmas, which Wan uses.
// Throws Error(kUsage): an unknown name, steps < 1, or a shift that is not above 0.
std::vector<double> sampler_t(std::string_view name, std::int32_t steps, double shift);

}  // namespace twill
