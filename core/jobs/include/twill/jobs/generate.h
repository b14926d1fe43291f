// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: clips from prompts, dense or by a plan.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/media/rgb_clip.h"
#include "twill/report/clip_settings.h"
#include "twill/report/generated_clip.h"

namespace twill::jobs {

// After a step of the sampler: what the clip would be if the model were right from here on, a frame
// for each of its latents: of a pixel for each latent cell (8x8 pixels), or as fine as the clip, up
// to 832 pixels, where the file of a tiny autoencoder was found (engine/tae_decoder.h).
struct Preview {
  std::string stage;  // "denoise sparse"
  std::int64_t step = 0;
  std::int64_t steps = 0;
  media::RgbClip frames;
};

// Comes from the thread that runs the job.
using PreviewHook = std::function<void(const Preview&)>;

struct GenerateOptions {
  report::ClipSettings clip;
  std::vector<std::string> prompts;
  std::uint64_t seed = 0;      // of the first prompt; each next prompt takes the next seed
  std::filesystem::path plan;  // empty: dense
  // Fit the plan to each clip, its size and its prompt, while the clip is made: head errors are
  // measured again in a few of its steps, and what is left of the density that the plan has at this
  // size is solved for again. The plan must hold a profile.
  bool adapt = false;
  bool compare_dense = false;  // with a plan: the dense clip from the same noise too, timed in
                               // turns with the sparse one
  // A video file (its ending names the container) or a folder for PNG frames (a path without an
  // ending or with a slash at its end): new, empty, or with frames of ours only, which go. With
  // several prompts "-1", "-2", ... stands before the ending. The dense clip of a comparison gets
  // "-dense". Empty: nothing is written, see keep_frames.
  std::filesystem::path out;
  bool keep_frames = false;  // hand the frames over in the result
  PreviewHook preview;       // after every step; may be empty
};

// Throws Error or Cancelled; then no file of an unfinished clip is left.
report::GenerateResult generate(const GenerateOptions& options, const JobControl& control);

}  // namespace twill::jobs
