// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/generate.h"

#include "clip_files.h"
#include "clip_previews.h"
#include "files.h"
#include "kept_steps.h"
#include "plan_clips.h"
#include "plan_inputs.h"
#include "session.h"
#include "twill/jobs/model_facts.h"
#include "twill/media/clip_files.h"
#include "twill/plan/plan_view.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

struct Made {
  at::Tensor frames;
  report::ClipTimes times;
};

// Where the files of a request go; empty paths where nothing is written.
std::vector<fs::path> files_of(const GenerateOptions& options) {
  std::vector<fs::path> files(options.prompts.size(), options.out);
  if (options.out.empty()) {
    require(options.keep_frames, ErrorCode::kUsage, "no file to write and no frames to keep");
    return files;
  }
  check_clip_file(options.out, options.clip);
  for (std::size_t i = 0; i < files.size() && files.size() > 1; ++i) {
    files[i] = media::with_suffix(options.out, concat("-", i + 1));
  }
  return files;
}

std::vector<Output> outputs_of(const std::vector<fs::path>& files, bool compared) {
  std::vector<Output> outputs;
  for (const fs::path& file : files) {
    if (!file.empty()) {
      outputs.push_back(media::clip_output(file));
      if (compared) {
        outputs.push_back(media::clip_output(media::with_suffix(file, "-dense")));
      }
    }
  }
  return outputs;
}

// What draws the model's previews; nothing where it has no tiny autoencoder.
ClipPreviews::Draw load_draw(const Session& session) {
  std::shared_ptr<const engine::TaeDecoder> tae = session.model().load_tae();
  if (!tae) {
    return {};
  }
  return [&session, tae = std::move(tae)](const at::Tensor& latents) {
    return tae->pictures(latents, session.control().stop);
  };
}

// Makes the clips of one request, one prompt after another.
class Generator {
 public:
  // `plan`: of options.plan; null where there is none.
  Generator(const GenerateOptions& options, std::shared_ptr<const Plan> plan,
            const JobControl& control)
      : options_(options),
        session_(options.clip, control),
        previews_(
            session_.model().latent_colours, [this] { return load_draw(session_); }, control.note) {
    if (plan != nullptr) {
      sparse_.emplace(session_, std::move(plan), options.adapt);
    }
  }

  const Session& session() const { return session_; }

  report::GeneratedClip make(const EncodedPrompt& prompt, std::uint64_t seed, const fs::path& file,
                             const std::string& number) {
    report::GeneratedClip clip{.prompt = prompt.text, .seed = seed, .file = file};
    Made dense;
    Made sparse;
    const std::unique_ptr<KeptSteps> kept_steps = keep_steps(prompt, seed);
    if (options_.compare_dense || !sparse_) {
      dense =
          make_clip(prompt, seed, *session_.best_dense(prompt), "dense" + number, kept_steps.get());
    }
    if (sparse_) {
      sparse = make_clip(prompt, seed, sparse_->begin(prompt), "sparse" + number, kept_steps.get());
      clip.attention = sparse_->use();
      clip.density = sparse_->density();
      tell_fallbacks(clip.attention);
    }
    const Made& shown = sparse_ ? sparse : dense;
    clip.times = shown.times;
    clip.record = clip_record(session_, clip.prompt, seed, options_.plan, options_.adapt);
    if (sparse_) {
      clip.record.why_no_part =
          report::why_no_part(sparse_->plan(), session_.step_t(), clip.attention, options_.adapt);
      tell(clip.record.why_no_part);
    }
    if (options_.compare_dense) {
      clip.dense_times = dense.times;
      clip.quality = media::compare(rgb_frames(dense.frames), rgb_frames(sparse.frames),
                                    session_.control().stop, &clip.frame_quality);
      clip.dense_frames = kept(dense.frames);
    }
    clip.frames = kept(shown.frames);
    write(clip, shown.frames, dense.frames);
    if (kept_steps) {
      kept_steps->finish();
    }
    return clip;
  }

 private:
  // Null where a clip that is interrupted begins anew: two clips are compared by their times, and a
  // plan that adapts remembers what it measured.
  std::unique_ptr<KeptSteps> keep_steps(const EncodedPrompt& prompt, std::uint64_t seed) const {
    const fs::path cache = cache_folder();
    if (cache.empty() || options_.compare_dense || options_.adapt) {
      return nullptr;
    }
    const std::string by =
        sparse_ ? concat("plan ", fingerprint_at(sparse_->plan(), session_.step_t())) : "dense";
    return std::make_unique<KeptSteps>(
        cache / "unfinished", concat(by, "\n", session_.dense_key(), "\n", TWILL_VERSION, "\nseed ",
                                     seed, "\n", prompt.text));
  }

  Made make_clip(const EncodedPrompt& prompt, std::uint64_t seed, engine::SelfAttention& attention,
                 const std::string& name, KeptSteps* kept_steps) {
    Made made;
    const std::string stage = concat("denoise ", name);
    LoopOptions loop{.kept = kept_steps};
    if (options_.preview) {
      loop.estimate = [&](std::int64_t step, const at::Tensor& latents) {
        const at::Tensor pictures = previews_.pictures(latents);
        const double cells_a_second = *session_.clip().fps / session_.model().family->frame_step();
        options_.preview({.stage = stage,
                          .step = step + 1,
                          .steps = session_.steps(),
                          .frames = rgb_clip(pictures, cells_a_second)});
      };
    }
    const Denoised denoised = session_.denoise(prompt, seed, attention, stage, loop);
    made.times = {.text = prompt.seconds,
                  .denoise = denoised.seconds,
                  .attention = denoised.attention_seconds};
    made.frames = session_.decode(denoised.latents, concat("decode ", name), &made.times.vae);
    return made;
  }

  std::shared_ptr<const media::RgbClip> kept(const at::Tensor& frames) const {
    return options_.keep_frames
               ? std::make_shared<const media::RgbClip>(rgb_clip(frames, *session_.clip().fps))
               : nullptr;
  }

  // Both clips of a comparison or none.
  void write(report::GeneratedClip& clip, const at::Tensor& shown, const at::Tensor& dense) const {
    if (clip.file.empty()) {
      return;
    }
    const double fps = *session_.clip().fps;
    std::unique_ptr<Unfinished> second;
    if (options_.compare_dense) {
      clip.dense_file = media::with_suffix(clip.file, "-dense");
      second = media::unfinished_clip(
          clip.dense_file, rgb_frames(dense), fps,
          report::to_metadata(clip_record(session_, clip.prompt, clip.seed, {})));
    }
    const auto first =
        media::unfinished_clip(clip.file, rgb_frames(shown), fps, report::to_metadata(clip.record));
    if (second) {
      second->finish();
    }
    first->finish();
  }

  void tell(const std::string& text) const {
    if (session_.control().note && !text.empty()) {
      session_.control().note(text);
    }
  }
  void tell_fallbacks(const report::AttentionUse& use) const {
    for (const auto& [reason, calls] : use.fallbacks) {
      tell(concat(calls, " attention calls ran dense against the plan: ", reason));
    }
    tell(report::precision_text(use));
  }

  const GenerateOptions& options_;
  Session session_;
  ClipPreviews previews_;
  std::optional<PlanClips> sparse_;
};

}  // namespace

report::GenerateResult generate(const GenerateOptions& options, const JobControl& control) {
  check_prompts(options.prompts, options.clip);
  require(!options.compare_dense || !options.plan.empty(), ErrorCode::kUsage,
          "a comparison needs a plan");
  require(!options.adapt || !options.plan.empty(), ErrorCode::kUsage, "there is no plan to adapt");
  check_clip(options.clip);
  const std::vector<fs::path> files = files_of(options);
  const Outputs outputs(outputs_of(files, options.compare_dense),
                        {{"plan", options.plan},
                         {"model", options.clip.model.path},
                         {"image", options.clip.image},
                         {"end image", options.clip.end_image}});
  const std::shared_ptr<const Plan> plan = read_plan_for(options.plan, options.clip.model);
  if (options.adapt) {
    check_can_adapt(*plan);
  }
  Generator generator(options, plan, control);
  std::vector<EncodedPrompt> prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back(generator.session().encode(text));
  }
  report::GenerateResult result{.device = generator.session().device(),
                                .dtype = generator.session().dtype()};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    result.clips.push_back(generator.make(
        prompts[i], report::seed_at(options.seed, i), files[i],
        prompts.size() > 1 ? concat(" ", i + 1, " of ", prompts.size()) : std::string()));
  }
  return result;
}

}  // namespace twill::jobs
