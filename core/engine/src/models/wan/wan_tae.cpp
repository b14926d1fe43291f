// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "wan_tae.h"

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "latent_statistics.h"
#include "models/architectures.h"
#include "part_finder.h"
#include "twill/engine/weights.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using Names = std::span<const std::string_view>;

// https://huggingface.co/lightx2v/Autoencoders and https://github.com/madebyollin/taehv; ComfyUI
// 0.30.0 looks for the first of each.
constexpr std::array<std::string_view, 2> kTae21{"lighttaew2_1.safetensors", "taew2_1.safetensors"};
constexpr std::array<std::string_view, 2> kTae22{"lighttaew2_2.safetensors", "taew2_2.safetensors"};
constexpr std::string_view kNamePart = "taew";
// LightX2V's were trained on the VAE's own numbers (its WanVAE_tiny, need_scaled), the others on
// those that the network has.
constexpr std::string_view kOfVaeNumbers = "lighttae";

bool has_name_part(const fs::path& file, std::string_view part) {
  return file.filename().string().find(part) != std::string::npos;
}

}  // namespace

fs::path find_wan_tae(const ModelFiles& model, std::int64_t channels) {
  const bool later = channels == std::ssize(wan_latent_mean(true));
  for (const std::string_view kind : {"vae_approx", "vae"}) {
    const WantedPart part{.kind = kind,
                          .what = "a tiny autoencoder",
                          .usual_names = later ? Names(kTae22) : Names(kTae21),
                          .fits = [channels](const fs::path& file) {
                            return has_name_part(file, kNamePart) &&
                                   TaeDecoder::channels_of(Weights::open_unscaled(file)) ==
                                       channels;
                          }};
    if (const fs::path found = look_for_part(model, part); !found.empty()) {
      return found;
    }
  }
  return {};
}

std::unique_ptr<TaeDecoder> read_wan_tae(const fs::path& file, at::ScalarType dtype,
                                         at::Device device) {
  const Weights weights = Weights::open(file);
  TaeNumbers numbers;
  if (has_name_part(file, kOfVaeNumbers)) {
    const bool later = TaeDecoder::channels_of(weights) == std::ssize(wan_latent_mean(true));
    numbers = {.mean = wan_latent_mean(later), .deviation = wan_latent_deviation(later)};
  }
  return std::make_unique<TaeDecoder>(weights, dtype, device, numbers);
}

std::unique_ptr<TaeDecoder> load_wan_tae(const ModelFiles& model, std::int64_t channels,
                                         at::ScalarType dtype, at::Device device) {
  const fs::path file = find_wan_tae(model, channels);
  return file.empty() ? nullptr : read_wan_tae(file, dtype, device);
}

}  // namespace twill::engine
