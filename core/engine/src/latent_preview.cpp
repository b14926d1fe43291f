// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/latent_preview.h"

#include <ATen/ATen.h>

#include <array>
#include <nlohmann/json.hpp>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kChannels = 16;
constexpr std::uintmax_t kMostBytes = 100'000;
using Rows = std::array<std::array<float, 3>, kChannels + 1>;

// As ComfyUI has them for Wan 2.1 (comfy/latent_formats.py, Wan21: latent_rgb_factors and
// latent_rgb_factors_bias).
constexpr Rows kWan21{{{-0.1299f, -0.1692f, 0.2932f},
                       {0.0671f, 0.0406f, 0.0442f},
                       {0.3568f, 0.2548f, 0.1747f},
                       {0.0372f, 0.2344f, 0.1420f},
                       {0.0313f, 0.0189f, -0.0328f},
                       {0.0296f, -0.0956f, -0.0665f},
                       {-0.3477f, -0.4059f, -0.2925f},
                       {0.0166f, 0.1902f, 0.1975f},
                       {-0.0412f, 0.0267f, -0.1364f},
                       {-0.1293f, 0.0740f, 0.1636f},
                       {0.0680f, 0.3019f, 0.1128f},
                       {0.0032f, 0.0581f, 0.0639f},
                       {-0.1251f, 0.0927f, 0.1699f},
                       {0.0060f, -0.0633f, 0.0005f},
                       {0.3477f, 0.2275f, 0.2950f},
                       {0.1984f, 0.0913f, 0.1861f},
                       {-0.1835f, -0.0868f, -0.3360f}}};

void read_row(const json& value, const std::string& where, std::array<float, 3>& row) {
  require(value.is_array() && value.size() == row.size(), ErrorCode::kFile, where,
          " is not a list of 3 numbers");
  for (std::size_t colour = 0; colour < row.size(); ++colour) {
    require(value[colour].is_number() && std::abs(value[colour].get<double>()) <= 1e3,
            ErrorCode::kFile, where, ": ", json_shown(value[colour]),
            " is not a number in -1000..1000");
    row[colour] = value[colour].get<float>();
  }
}

Rows read_rows(const fs::path& file) {
  const json document = json_tree<json>(read_text(file, kMostBytes), file.string());
  require(document.is_object(), ErrorCode::kFile, file.string(), ": not a JSON object");
  const json factors = document.value("latent_rgb", json());
  require(factors.is_array() && factors.size() == kChannels, ErrorCode::kFile, file.string(),
          ".latent_rgb is not a list of ", kChannels, " rows");
  Rows rows{};
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    read_row(factors[channel], concat(file.string(), ".latent_rgb[", channel, "]"), rows[channel]);
  }
  read_row(document.value("constant", json()), file.string() + ".constant", rows[kChannels]);
  return rows;
}

}  // namespace

at::Tensor load_latent_colours(const fs::path& folder) {
  const fs::path file = folder / "preview.json";
  std::error_code error;
  const Rows rows = fs::exists(file, error) ? read_rows(file) : kWan21;
  at::Tensor colours = at::empty({kChannels + 1, 3}, at::kFloat);
  float* out = colours.mutable_data_ptr<float>();
  for (const std::array<float, 3>& row : rows) {
    out = std::copy(row.begin(), row.end(), out);
  }
  return colours;
}

at::Tensor preview_latents(const at::Tensor& latents, const at::Tensor& colours) {
  TWILL_ASSERT(latents.dim() == 5 && latents.size(1) == static_cast<std::int64_t>(kChannels));
  const at::Tensor channels_last = latents[0].to(at::kCPU, at::kFloat).permute({1, 2, 3, 0});
  const at::Tensor rgb =
      at::matmul(channels_last, colours.narrow(0, 0, kChannels)) + colours[kChannels];
  return ((rgb + 1.0) * 127.5).round().clamp(0, 255).to(at::kByte).contiguous();
}

}  // namespace twill::engine
