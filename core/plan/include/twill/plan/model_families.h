// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Facts of the model families that plans and model folders name. They stand in
// presets/models.json, which Python reads too, and are compiled in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/plan/guidance.h"
#include "twill/plan/token_layout.h"

namespace twill {

// Of a clip, in pixels.
struct ClipSize {
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int32_t frames = 0;
};

// What a network's output is: the flow's velocity (noise - clip), or v = alpha noise - sigma clip.
enum class Prediction : std::uint8_t { kFlow, kV };
inline constexpr std::array<std::pair<Prediction, std::string_view>, 2> kPredictionNames{{
    {Prediction::kFlow, "flow"},
    {Prediction::kV, "v"},
}};

// Weights of a family, with the setting that their authors give.
struct ModelSize {
  std::string label;                 // "Wan 2.1 T2V 1.3B"
  std::vector<std::int32_t> layers;  // of the family's first stacks
  std::int32_t heads = 0;
  std::int32_t head_dim = 0;
  ClipSize clip;
  std::int32_t steps = 0;
  std::optional<double> shift;  // of the schedule; empty: it has none
  std::optional<double> fps;    // empty: not known here
  std::optional<Guidance> cfg;  // the same
};

// What a network is given of a clip's pictures.
struct ImageInput {
  std::int32_t channels = 0;  // behind those of the latents
  bool encoder = false;       // cross-attention looks at an image encoder's tokens too
  // Instead of both: the start picture's latent is the first latent frame, whose tokens have time 0
  // throughout. There is no end picture, and without a start picture the clip is made from text.
  bool first_frame = false;
};

struct ModelFamily {
  std::string name;                       // "wan2.1-t2v"
  std::string architecture;               // of the engine's networks; empty: the engine has none
  std::array<std::int32_t, 3> patch{};    // latent cells of a token: frames, rows, columns
  std::array<std::int32_t, 3> strides{};  // frames and pixels of a latent cell
  std::int32_t channels = 0;              // of the latents
  Prediction prediction = Prediction::kFlow;
  double timesteps = 0.0;            // training range: the network is given this times t
  std::vector<std::string> stacks;   // names of the lists of blocks
  std::vector<std::string> experts;  // the noisiest first
  std::optional<double> boundary;    // the t below which the second of two experts runs
  std::optional<ImageInput> image;   // empty: its networks are given no pictures
  std::vector<ModelSize> sizes;      // one or more

  // A clip is so many pixels times n high and wide, and has frame_step() * n + 1 frames: the first
  // latent frame is one frame.
  std::int32_t height_step() const { return strides[1] * patch[1]; }
  std::int32_t width_step() const { return strides[2] * patch[2]; }
  std::int32_t frame_step() const { return strides[0]; }
  // Frames, rows and columns of the latents of a clip whose size is of these steps.
  std::array<std::int32_t, 3> latent_cells(const ClipSize& size) const;
  // Its tokens; those of text are not among them.
  TokenLayout grid(const ClipSize& size) const;
  // Whether there is no clip of its models without a start picture.
  bool needs_start() const { return image && !image->first_frame; }
  // Whether there is one of its models that takes an end picture.
  bool takes_end() const { return image && !image->first_frame; }
  // The expert whose turn it is at t.
  std::int32_t expert_at(double t) const { return boundary && t < *boundary ? 1 : 0; }
};

// In the order of the file.
const std::vector<ModelFamily>& model_families();
// Null for a name that is not among them.
const ModelFamily* find_model_family(std::string_view name);
// Throws Error(kModel) naming it.
const ModelFamily& model_family(std::string_view name);

}  // namespace twill
