// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/latent_preview.h"

#include <ATen/ATen.h>

#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "models/wan/latent_colours.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uintmax_t kMostBytes = 100'000;
using Colour = std::array<float, 3>;

void read_row(const json& value, const std::string& where, Colour& row) {
  require(value.is_array() && value.size() == row.size(), ErrorCode::kFile, where,
          " is not a list of 3 numbers");
  for (std::size_t colour = 0; colour < row.size(); ++colour) {
    require(value[colour].is_number() && std::abs(value[colour].get<double>()) <= 1e3,
            ErrorCode::kFile, where, ": ", json_shown(value[colour]),
            " is not a number in -1000..1000");
    row[colour] = value[colour].get<float>();
  }
}

std::vector<Colour> read_rows(const fs::path& file, std::size_t channels) {
  const json document = json_tree<json>(read_text(file, kMostBytes), file.string());
  require(document.is_object(), ErrorCode::kFile, file.string(), ": not a JSON object");
  const json factors = document.value("latent_rgb", json());
  require(factors.is_array() && factors.size() == channels, ErrorCode::kFile, file.string(),
          ".latent_rgb is not a list of ", channels, " rows");
  std::vector<Colour> rows(channels + 1);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    read_row(factors[channel], concat(file.string(), ".latent_rgb[", channel, "]"), rows[channel]);
  }
  read_row(document.value("constant", json()), file.string() + ".constant", rows[channels]);
  return rows;
}

std::span<const Colour> own_rows(std::size_t channels) {
  if (channels + 1 == kWan22LatentColours.size()) {
    return kWan22LatentColours;
  }
  TWILL_ASSERT(channels + 1 == kWan21LatentColours.size());
  return kWan21LatentColours;
}

}  // namespace

at::Tensor load_latent_colours(const fs::path& folder, std::int64_t channels) {
  const fs::path file = folder / "preview.json";
  const auto count = static_cast<std::size_t>(channels);
  std::error_code error;
  std::vector<Colour> read;
  if (fs::exists(file, error)) {
    read = read_rows(file, count);
  }
  const std::span<const Colour> rows = read.empty() ? own_rows(count) : read;
  at::Tensor colours = at::empty({channels + 1, 3}, at::kFloat);
  float* out = colours.mutable_data_ptr<float>();
  for (const Colour& row : rows) {
    out = std::copy(row.begin(), row.end(), out);
  }
  return colours;
}

at::Tensor preview_latents(const at::Tensor& latents, const at::Tensor& colours) {
  const std::int64_t channels = colours.size(0) - 1;
  TWILL_ASSERT(latents.dim() == 5 && latents.size(1) == channels);
  const at::Tensor channels_last = latents[0].to(at::kCPU, at::kFloat).permute({1, 2, 3, 0});
  const at::Tensor rgb =
      at::matmul(channels_last, colours.narrow(0, 0, channels)) + colours[channels];
  return ((rgb + 1.0) * 127.5).round().clamp(0, 255).to(at::kByte).contiguous();
}

}  // namespace twill::engine
