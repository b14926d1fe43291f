// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/evaluate.h"

#include <algorithm>

#include "clip_files.h"
#include "files.h"
#include "plan_clips.h"
#include "plan_inputs.h"
#include "session.h"
#include "twill/jobs/model_facts.h"
#include "twill/media/clip_files.h"
#include "twill/media/png.h"
#include "twill/media/video_metrics.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/text_hash.h"
#include "twill/plan/whole_files.h"
#include "twill/report/heads_picture.h"
#include "twill/report/search_record.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxRowsBytes = 16u << 20;
constexpr std::uintmax_t kMaxPictureBytes = 1u << 30;

// Rows of an evaluation that has not ended; gone when it has, so that a new run measures anew.
class UnfinishedRows {
 public:
  UnfinishedRows(const fs::path& folder, const std::string& key)
      : file_(folder / concat("evaluate-", hex(hash_text(key)), ".json")) {}

  // Of the worst clip so far: that of an earlier evaluation stands among the clips until this one
  // ends.
  fs::path worst_picture() const { return fs::path(file_).replace_extension(".png"); }

  std::vector<report::EvaluateRow> read() const {
    std::error_code code;
    if (!fs::exists(file_, code)) {
      return {};
    }
    return report::rows_from_json(read_file(file_, kMaxRowsBytes));  // else measure again
  }
  void write(const std::vector<report::EvaluateRow>& rows) const {
    write_file(file_, report::rows_to_json(rows));
  }
  void remove() const {
    std::error_code code;
    fs::remove(file_, code);
    fs::remove(worst_picture(), code);
  }

 private:
  fs::path file_;
};

struct Pair {
  report::EvaluateRow row;
  at::Tensor dense;
  at::Tensor sparse;
};

class Evaluation {
 public:
  Evaluation(const Session& session, std::shared_ptr<const Plan> plan, bool adapt, DenseClips kept)
      : session_(session), sparse_(session, std::move(plan), adapt), kept_(std::move(kept)) {}

  // The first forward of each kind pays for what later ones find ready.
  void warm_up(const EncodedPrompt& prompt) {
    session_.warm_up(prompt, dense_, 0.0);
    session_.warm_up(prompt, sparse_.as_it_is(prompt), 0.0);
    session_.warm_up(prompt, *session_.dense_by_kernel(prompt), 0.0);
  }

  // Dense and sparse take turns in being first; the loop with our own dense kernel stands between
  // them.
  Pair run(const EncodedPrompt& prompt, std::uint64_t seed, bool timed, bool dense_first,
           const std::string& number) {
    Pair pair;
    pair.row = {.prompt = prompt.text, .seed = seed, .timed = timed};
    if (!timed) {
      if (const std::optional<at::Tensor> kept = kept_.find(prompt.text, seed)) {
        pair.dense = *kept;
      }
    }
    if (dense_first && !pair.dense.defined()) {
      make_dense(pair, prompt, number);
    }
    if (timed && dense_first) {
      time_own_dense(pair, prompt, number);
    }
    pair.sparse = make(prompt, seed, sparse_.begin(prompt), "sparse" + number, pair.row.sparse);
    pair.row.attention = sparse_.use();
    pair.row.density = sparse_.density();
    if (timed && !dense_first) {
      time_own_dense(pair, prompt, number);
    }
    if (!pair.dense.defined()) {
      make_dense(pair, prompt, number);
    }
    media::FrameQuality frames;
    pair.row.quality = media::compare(rgb_frames(pair.dense), rgb_frames(pair.sparse),
                                      session_.control().stop, &frames);
    pair.row.psnr_db_frames = std::move(frames.psnr_db);
    return pair;
  }

 private:
  at::Tensor make(const EncodedPrompt& prompt, std::uint64_t seed, engine::SelfAttention& attention,
                  const std::string& name, report::ClipTimes& times) {
    const Denoised denoised = session_.denoise(prompt, seed, attention, "denoise " + name);
    times = {.text = prompt.seconds,
             .denoise = denoised.seconds,
             .attention = denoised.attention_seconds};
    return session_.decode(denoised.latents, "decode " + name, &times.vae);
  }
  // The loop alone: the clip is the dense one but for rounding.
  void time_own_dense(Pair& pair, const EncodedPrompt& prompt, const std::string& number) {
    const std::unique_ptr<engine::SelfAttention> own = session_.dense_by_kernel(prompt);
    const Denoised denoised = session_.denoise(prompt, pair.row.seed, *own,
                                               concat("denoise dense", number, ", our kernel"));
    pair.row.own_dense = {.text = prompt.seconds,
                          .denoise = denoised.seconds,
                          .attention = denoised.attention_seconds};
  }
  void make_dense(Pair& pair, const EncodedPrompt& prompt, const std::string& number) {
    pair.dense = make(prompt, pair.row.seed, dense_, "dense" + number, pair.row.dense);
    kept_.keep(prompt.text, pair.row.seed, pair.dense);
  }

  const Session& session_;
  engine::DenseAttention dense_;
  PlanClips sparse_;
  DenseClips kept_;
};

// All that an evaluation writes but what its work folder keeps.
std::vector<Output> outputs_of(const EvaluateOptions& options, const fs::path& work) {
  std::vector<Output> outputs{{options.out, OutputKind::kReport}, {work, OutputKind::kFolder}};
  if (!options.clips.empty()) {
    for (const char* name : {"dense.mp4", "sparse.mp4"}) {
      outputs.push_back({options.clips / name, OutputKind::kVideo});
    }
    for (const char* name : {"side_by_side.png", "worst.png", "heads.png"}) {
      outputs.push_back({options.clips / name, OutputKind::kPicture});
    }
  }
  return outputs;
}

media::Picture side_by_side(const Pair& pair) {
  return media::side_by_side(rgb_frames(pair.dense), rgb_frames(pair.sparse));
}

void save_clips(const fs::path& folder, const Session& session, const Pair& pair, const Plan& plan,
                const EvaluateOptions& options) {
  const double fps = *session.clip().fps;
  const auto record = [&](const fs::path& of_plan) {
    return clip_record(session, pair.row.prompt, pair.row.seed, of_plan, options.adapt);
  };
  report::ClipRecord of_sparse = record(options.plan);
  of_sparse.why_no_part =
      report::why_no_part(plan, session.step_t(), pair.row.attention, options.adapt);
  media::write_clip(folder / "dense.mp4", rgb_frames(pair.dense), fps,
                    report::to_metadata(record({})));
  media::write_clip(folder / "sparse.mp4", rgb_frames(pair.sparse), fps,
                    report::to_metadata(of_sparse));
  media::write_png(folder / "side_by_side.png", side_by_side(pair));
}

bool is_worst(const std::vector<report::EvaluateRow>& rows, const report::EvaluateRow& row) {
  return std::all_of(rows.begin(), rows.end(), [&](const report::EvaluateRow& other) {
    return row.quality.psnr_db < other.quality.psnr_db;
  });
}

void save_heads(const fs::path& folder, const Plan& plan, const JobControl& control) {
  if (plan.profile != nullptr && plan.profile->map_size > 0) {
    report::write_heads_picture(plan, folder / "heads.png");
  } else if (control.note) {
    control.note("no heads.png: the plan holds no attention maps");
  }
}

}  // namespace

report::EvaluateReport evaluate(const EvaluateOptions& options, const JobControl& control) {
  check_prompts(options.prompts, options.clip);
  check_clip(options.clip);
  if (!options.clips.empty()) {
    check_clip_file(options.clips / "dense.mp4", options.clip);
  }
  const fs::path work = work_folder(options.out, options.work);
  const Outputs outputs(outputs_of(options, work),
                        {{"plan", options.plan}, {"model", options.clip.model.path}});
  const std::shared_ptr<const Plan> plan = read_plan_for(options.plan, options.clip.model);
  if (options.adapt) {
    check_can_adapt(*plan);
  }

  const Session session(options.clip, control);
  Evaluation evaluation(session, plan, options.adapt, DenseClips(work, session));
  std::vector<EncodedPrompt> prompts;
  std::string key = session.dense_key() + plan_to_json(*plan) + options.clips.string();
  for (const std::string& text : options.prompts) {
    prompts.push_back(session.encode(text));
    key += "\n" + text;
  }
  key += concat("\n", options.seed, " ", options.timed, options.adapt ? " adapted" : "");
  const std::size_t timed = options.timed < 0
                                ? prompts.size()
                                : std::min(prompts.size(), static_cast<std::size_t>(options.timed));

  const UnfinishedRows unfinished(work, key);
  std::error_code no_picture;
  const bool goes_on =
      options.clips.empty() || fs::is_regular_file(unfinished.worst_picture(), no_picture);
  report::EvaluateReport report{
      .rows = goes_on ? unfinished.read() : std::vector<report::EvaluateRow>(),
      .search_seconds = report::read_search_seconds(options.plan),
      .model = concat(model_name(session.model().files.path), " ", session.fingerprint()),
      .plan = options.plan.string(),
      .adapted = options.adapt,
      .device = session.device(),
      .dtype = session.dtype(),
      .dense_attention = "ATen scaled_dot_product_attention",
      .facts = options.facts,
      .layout = session.layout(),
      .clip = session.clip(),
      .twill_version = TWILL_VERSION,
      .torch_version = torch_version()};
  if (!report.rows.empty() && control.note) {
    control.note(concat("going on after ", report.rows.size(), " of ", prompts.size(), " prompts"));
  }
  if (report.rows.size() < timed) {
    evaluation.warm_up(prompts[report.rows.size()]);
  }
  for (std::size_t i = report.rows.size(); i < prompts.size(); ++i) {
    const Pair pair = evaluation.run(prompts[i], report::seed_at(options.seed, i), i < timed,
                                     i % 2 == 0, concat(" ", i + 1, " of ", prompts.size()));
    if (i == 0 && !options.clips.empty()) {
      save_clips(options.clips, session, pair, *plan, options);
    }
    // Rows of a stopped run count: its picture is still there.
    if (!options.clips.empty() && is_worst(report.rows, pair.row)) {
      media::write_png(unfinished.worst_picture(), side_by_side(pair));
    }
    report.rows.push_back(pair.row);
    unfinished.write(report.rows);
  }
  if (!options.clips.empty()) {
    write_file(options.clips / "worst.png",
               read_file(unfinished.worst_picture(), kMaxPictureBytes));
    save_heads(options.clips, *plan, control);
  }
  report.density = 0.0;
  for (const report::EvaluateRow& row : report.rows) {
    add(report.attention, row.attention);
    report.density += row.density / static_cast<double>(report.rows.size());
  }
  report.why_no_part =
      report::why_no_part(*plan, session.step_t(), report.attention, options.adapt);
  if (control.note) {
    for (const auto& [reason, calls] : report.attention.fallbacks) {
      control.note(concat(calls, " attention calls ran dense against the plan: ", reason));
    }
    for (const std::string& text : {report::precision_text(report.attention), report.why_no_part}) {
      if (!text.empty()) {
        control.note(text);
      }
    }
  }
  write_file(options.out, to_json(report));
  unfinished.remove();
  return report;
}

}  // namespace twill::jobs
