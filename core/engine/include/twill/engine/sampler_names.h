// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What samplers are called: in model.json, on the command line and in the app. Apart from sampler.h
// for those who know no tensor.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace twill::engine {

enum class SamplerKind : std::uint8_t { kEuler, kUniPc };

inline constexpr std::array<std::pair<SamplerKind, std::string_view>, 2> kSamplerNames{{
    {SamplerKind::kEuler, "euler"},
    {SamplerKind::kUniPc, "unipc"},
}};

}  // namespace twill::engine
