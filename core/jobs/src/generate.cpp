// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/generate.h"

#include "clip_files.h"
#include "json.h"
#include "plan_clips.h"
#include "session.h"
#include "twill/engine/latent_preview.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

// "clip.mp4" -> "clip-2.mp4"; "frames" -> "frames-2".
fs::path with_suffix(const fs::path& file, const std::string& suffix) {
  return file.parent_path() / concat(file.stem().string(), suffix, file.extension().string());
}

struct Made {
  at::Tensor frames;
  ClipTimes times;
};

// Where the files of a request go; empty paths where nothing is written.
std::vector<fs::path> checked_files(const GenerateOptions& options) {
  std::vector<fs::path> files(options.prompts.size(), options.out);
  if (options.out.empty()) {
    require(options.keep_frames, ErrorCode::kUsage, "no file to write and no frames to keep");
    return files;
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files.size() > 1) {
      files[i] = with_suffix(options.out, concat("-", i + 1));
    }
    check_clip_file(files[i]);
    if (options.compare_dense) {
      check_clip_file(with_suffix(files[i], "-dense"));
    }
  }
  return files;
}

// Makes the clips of one request, one prompt after another.
class Generator {
 public:
  Generator(const GenerateOptions& options, const JobControl& control)
      : options_(options), session_(options.clip, control) {
    if (!options.plan.empty()) {
      sparse_.emplace(session_, session_.read_plan_for_model(options.plan), options.adapt);
    }
  }

  const Session& session() const { return session_; }

  GeneratedClip make(const EncodedPrompt& prompt, std::int64_t seed, const fs::path& file,
                     const std::string& number) {
    GeneratedClip clip{.prompt = prompt.text, .seed = seed, .file = file};
    Made dense;
    Made sparse;
    if (options_.compare_dense || !sparse_) {
      dense = make_clip(prompt, seed, dense_, "dense" + number);
    }
    if (sparse_) {
      sparse = make_clip(prompt, seed, sparse_->begin(), "sparse" + number);
      clip.attention = sparse_->use();
      clip.density = sparse_->density();
      tell_fallbacks(clip.attention);
    }
    const Made& shown = sparse_ ? sparse : dense;
    clip.times = shown.times;
    clip.record = clip_record(session_, clip.prompt, seed, options_.plan, options_.adapt);
    if (options_.compare_dense) {
      clip.dense_times = dense.times;
      clip.quality =
          compare(dense.frames, sparse.frames, session_.control().stop, &clip.frame_quality);
      clip.dense_frames = kept(dense.frames);
    }
    clip.frames = kept(shown.frames);
    write(clip, shown.frames, dense.frames);
    return clip;
  }

 private:
  Made make_clip(const EncodedPrompt& prompt, std::int64_t seed, engine::SelfAttention& attention,
                 const std::string& name) const {
    Made made;
    const std::string stage = concat("denoise ", name);
    LoopOptions loop;
    if (options_.preview) {
      loop.estimate = [&](std::int64_t step, const at::Tensor& latents) {
        const at::Tensor small = engine::preview_latents(latents, session_.model().latent_colours);
        const double cells_a_second = *session_.clip().fps / 4.0;
        options_.preview({.stage = stage,
                          .step = step + 1,
                          .steps = session_.steps(),
                          .frames = rgb_clip(small, cells_a_second)});
      };
    }
    const Denoised denoised = session_.denoise(prompt, seed, attention, stage, loop);
    made.times = {.text = prompt.seconds,
                  .denoise = denoised.seconds,
                  .attention = denoised.attention_seconds};
    made.frames = session_.decode(denoised.latents, concat("decode ", name), &made.times.vae);
    return made;
  }

  std::shared_ptr<const RgbClip> kept(const at::Tensor& frames) const {
    return options_.keep_frames
               ? std::make_shared<const RgbClip>(rgb_clip(frames, *session_.clip().fps))
               : nullptr;
  }

  // Both clips of a comparison or none.
  void write(GeneratedClip& clip, const at::Tensor& shown, const at::Tensor& dense) const {
    if (clip.file.empty()) {
      return;
    }
    const double fps = *session_.clip().fps;
    if (options_.compare_dense) {
      clip.dense_file = with_suffix(clip.file, "-dense");
      write_clip(clip.dense_file, dense, fps,
                 to_metadata(clip_record(session_, clip.prompt, clip.seed, {})));
    }
    try {
      write_clip(clip.file, shown, fps, to_metadata(clip.record));
    } catch (...) {
      std::error_code code;
      if (options_.compare_dense) {
        fs::remove_all(clip.dense_file, code);
      }
      throw;
    }
  }

  void tell_fallbacks(const AttentionUse& use) const {
    for (const auto& [reason, calls] : use.fallbacks) {
      if (session_.control().note) {
        session_.control().note(
            concat(calls, " attention calls ran dense against the plan: ", reason));
      }
    }
  }

  const GenerateOptions& options_;
  Session session_;
  engine::DenseAttention dense_;
  std::optional<PlanClips> sparse_;
};

}  // namespace

GenerateResult generate(const GenerateOptions& options, const JobControl& control) {
  require(!options.prompts.empty(), ErrorCode::kUsage, "no prompt");
  require(!options.compare_dense || !options.plan.empty(), ErrorCode::kUsage,
          "a comparison needs a plan");
  require(!options.adapt || !options.plan.empty(), ErrorCode::kUsage, "there is no plan to adapt");
  const std::vector<fs::path> files = checked_files(options);
  Generator generator(options, control);
  std::vector<EncodedPrompt> prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back(generator.session().encode(text));
  }
  GenerateResult result{.device = generator.session().device(),
                        .dtype = generator.session().dtype()};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    result.clips.push_back(generator.make(
        prompts[i], options.seed + static_cast<std::int64_t>(i), files[i],
        prompts.size() > 1 ? concat(" ", i + 1, " of ", prompts.size()) : std::string()));
  }
  return result;
}

std::string to_json(const GenerateResult& result) {
  json clips = json::array();
  for (const GeneratedClip& clip : result.clips) {
    json value{{"prompt", clip.prompt},
               {"seed", clip.seed},
               {"file", clip.file.string()},
               {"density", clip.density},
               {"times", to_json_value(clip.times)},
               {"attention_calls", to_json_value(clip.attention)}};
    if (clip.dense_times) {
      value["dense_file"] = clip.dense_file.string();
      value["dense_times"] = to_json_value(*clip.dense_times);
      value["speedup"] = clip.dense_times->denoise / clip.times.denoise;
    }
    if (clip.quality) {
      value["psnr_db"] = number(clip.quality->psnr_db);
      value["ssim"] = clip.quality->ssim;
    }
    clips.push_back(std::move(value));
  }
  return json{{"device", result.device}, {"dtype", result.dtype}, {"clips", clips}}.dump(2) + "\n";
}

}  // namespace twill::jobs
