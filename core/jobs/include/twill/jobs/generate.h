// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: clips from prompts, dense or by a plan.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "twill/jobs/clip_record.h"
#include "twill/jobs/clip_settings.h"
#include "twill/jobs/job.h"
#include "twill/media/rgb_clip.h"
#include "twill/media/video_metrics.h"
#include "twill/plan/plan.h"

namespace twill::jobs {

// After a step of the sampler: what the clip would be if the model were right from here on, a
// pixel for each latent cell (8x8 pixels, 4 frames).
struct Preview {
  std::string stage;  // "denoise sparse"
  std::int64_t step = 0;
  std::int64_t steps = 0;
  media::RgbClip frames;
};

// Comes from the thread that runs the job.
using PreviewHook = std::function<void(const Preview&)>;

struct GenerateOptions {
  ClipSettings clip;
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

// Wall clock of one clip's parts, in seconds.
struct ClipTimes {
  double text = 0.0;
  double denoise = 0.0;    // the sampler's loop only
  double attention = 0.0;  // self-attention's part of denoise
  double vae = 0.0;
};

// What became of the attention calls of a clip.
struct AttentionUse {
  std::int64_t sparse_calls = 0;
  std::int64_t planned_dense_calls = 0;
  std::map<std::string, std::int64_t> fallbacks;  // dense against the plan, by reason
};

// Whether any call ran by the plan; true where none was counted.
bool took_part(const AttentionUse& use);
// One sentence for a run in which the plan took no part: none of its calls was sparse, so that
// neither speed nor quality is the plan's doing. Empty when it took part. step_t: t of every step.
std::string why_no_part(const Plan& plan, const std::vector<double>& step_t,
                        const AttentionUse& use, bool adapted);

struct GeneratedClip {
  std::string prompt;
  std::uint64_t seed = 0;
  std::filesystem::path file;
  ClipTimes times;
  double density = 1.0;
  AttentionUse attention;
  // Dense over sparse, of the denoising loop; empty without a comparison, and where the plan took
  // no part.
  std::optional<double> speedup() const;
  ClipRecord record;                             // of `file`, to be kept with the frames
  std::shared_ptr<const media::RgbClip> frames;  // with keep_frames
  // The dense clip and how near the sparse one is; filled in only by a comparison.
  std::filesystem::path dense_file;
  std::optional<ClipTimes> dense_times;
  std::optional<media::ClipQuality> quality;
  media::FrameQuality frame_quality;
  std::shared_ptr<const media::RgbClip> dense_frames;
};

struct GenerateResult {
  std::vector<GeneratedClip> clips;
  std::string device;
  std::string dtype;
};

// Throws Error or Cancelled; then no file of an unfinished clip is left.
GenerateResult generate(const GenerateOptions& options, const JobControl& control);

std::string to_json(const GenerateResult& result);

}  // namespace twill::jobs
