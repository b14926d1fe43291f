// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/generate.h"

#include "clip_files.h"
#include "json.h"
#include "session.h"
#include "twill/plan/compile.h"

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

Made make_clip(const Session& session, const EncodedPrompt& prompt, std::int64_t seed,
               engine::SelfAttention& attention, const std::string& name) {
  Made made;
  const Denoised denoised = session.denoise(prompt, seed, attention, concat("denoise ", name));
  made.times = {
      .text = prompt.seconds, .denoise = denoised.seconds, .attention = denoised.attention_seconds};
  made.frames = session.decode(denoised.latents, concat("decode ", name), &made.times.vae);
  return made;
}

}  // namespace

GenerateResult generate(const GenerateOptions& options, const JobControl& control) {
  require(!options.prompts.empty(), ErrorCode::kUsage, "no prompt");
  require(!options.compare_dense || !options.plan.empty(), ErrorCode::kUsage,
          "a comparison needs a plan");
  const bool several = options.prompts.size() > 1;
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < options.prompts.size(); ++i) {
    files.push_back(several ? with_suffix(options.out, concat("-", i + 1)) : options.out);
    check_clip_file(files.back());
  }

  const Session session(options.clip, control);
  std::shared_ptr<const Plan> plan;
  std::optional<engine::PlanAttention> sparse;
  double density = 1.0;
  if (!options.plan.empty()) {
    plan = session.read_plan_for_model(options.plan);
    sparse.emplace(plan, session.layout(), session.clip().threads);
    density = run_density(sparse->compiled(), *plan, session.forward_t());
  }
  engine::DenseAttention dense;

  std::vector<EncodedPrompt> prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back(session.encode(text));
  }

  GenerateResult result{.device = session.device(), .dtype = session.dtype()};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::string number = several ? concat(" ", i + 1, " of ", prompts.size()) : std::string();
    GeneratedClip clip{.prompt = prompts[i].text,
                       .seed = options.seed + static_cast<std::int64_t>(i),
                       .file = files[i],
                       .density = density};
    const auto metadata = [&](const fs::path& of_plan) {
      return clip_metadata(session, clip.prompt, clip.seed, of_plan);
    };
    Made dense_clip;
    if (options.compare_dense || !sparse) {
      dense_clip = make_clip(session, prompts[i], clip.seed, dense, "dense" + number);
    }
    if (sparse) {
      sparse->reset_counts();
      const Made made = make_clip(session, prompts[i], clip.seed, *sparse, "sparse" + number);
      clip.times = made.times;
      clip.attention = attention_use(sparse->counts());
      write_clip(clip.file, made.frames, *session.clip().fps, metadata(options.plan));
      if (options.compare_dense) {
        clip.dense_file = with_suffix(clip.file, "-dense");
        clip.dense_times = dense_clip.times;
        clip.quality = compare(dense_clip.frames, made.frames);
        write_clip(clip.dense_file, dense_clip.frames, *session.clip().fps, metadata({}));
      }
      for (const auto& [reason, calls] : clip.attention.fallbacks) {
        if (control.note) {
          control.note(concat(calls, " attention calls ran dense against the plan: ", reason));
        }
      }
    } else {
      clip.times = dense_clip.times;
      write_clip(clip.file, dense_clip.frames, *session.clip().fps, metadata({}));
    }
    result.clips.push_back(std::move(clip));
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
