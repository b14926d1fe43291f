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

enum class SamplerKind : std::uint8_t { kEuler, kUniPc };

inline constexpr std::array<std::pair<SamplerKind, std::string_view>, 2> kSamplerNames{{
    {SamplerKind::kEuler, "euler"},
    {SamplerKind::kUniPc, "unipc"},
}};

// Throws Error(kUsage) for a name not in kSamplerNames.
SamplerKind sampler_kind(std::string_view name);

// t before each step, descending: [steps], 1 = noise. It is shift * u / (1 + (shift - 1) * u) for u
// evenly spaced over steps + 1 points.
// "euler": u from 1 to 0. ComfyUI's ModelSamplingSD3 with the scheduler "simple" rounds u up to
// thousandths, which changes nothing when steps divides 1000.
// "unipc": u from 1 to 0.001, then t = 0, and the first t lowered by 1e-6 to keep log((1 - t) / t)
// finite, as in diffusers' UniPCMultistepScheduler with use_flow_sigmas, which Wan uses.
// Throws Error(kUsage): an unknown name, steps < 1, or a shift that is not above 0.
std::vector<double> sampler_t(std::string_view name, std::int32_t steps, double shift);

}  // namespace twill
