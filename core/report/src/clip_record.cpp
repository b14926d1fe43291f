// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/clip_record.h"

#include <charconv>

#include "json.h"
#include "report_values.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::report {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, std::string>;

constexpr std::string_view kSoftware = "twill ";
constexpr std::size_t kMostText = 100'000;
constexpr std::size_t kMostShown = 40;  // bytes of a value in a message

// Shortest text that reads back as the same number.
std::string exact(double value) { return json_dump(json(value)); }

// One clip's metadata, read as hostile.
class Entries {
 public:
  Entries(const Metadata& metadata, const std::string& source)
      : metadata_(metadata), source_(source) {}

  bool has(const char* key) const { return metadata_.contains(key); }
  std::string place(const char* key) const { return concat(source_, ": its setting ", key); }
  std::string text(const char* key, bool needed = true) const {
    const auto found = metadata_.find(key);
    require(!needed || found != metadata_.end(), ErrorCode::kFile, source_, ": its settings lack ",
            key);
    const std::string value = found == metadata_.end() ? std::string() : found->second;
    require(value.size() <= kMostText, ErrorCode::kFile, source_, ": its setting ", key, " has ",
            value.size(), " letters, more than ", kMostText);
    return value;
  }
  template <typename Number>
  Number number(const char* key) const {
    const std::string value = text(key);
    Number parsed{};
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    require(code == std::errc() && end == value.data() + value.size(), ErrorCode::kFile, source_,
            ": its setting ", key, " is \"", shortened(value, kMostShown), "\", not a number");
    return parsed;
  }
  // Earlier versions took seeds below 0; that is the seed that gives the same noise.
  std::uint64_t seed() const {
    return text("seed").starts_with('-') ? static_cast<std::uint64_t>(number<std::int64_t>("seed"))
                                         : number<std::uint64_t>("seed");
  }
  // "256x192x49"
  void size(ClipSettings& clip) const {
    const std::string value = text("size");
    const std::size_t second = value.rfind('x');
    const bool three = second != std::string::npos && value.find('x') < second;
    std::int32_t frames = 0;
    const char* end = value.data() + value.size();
    const bool counted =
        three && std::from_chars(value.data() + second + 1, end, frames).ptr == end;
    require(counted, ErrorCode::kFile, source_, ": its setting size is \"",
            shortened(value, kMostShown), "\", not WIDTHxHEIGHTxFRAMES");
    parse_size(std::string_view(value).substr(0, second), clip);
    clip.frames = frames;
  }

 private:
  const Metadata& metadata_;
  const std::string& source_;
};

constexpr const char* kLoras = "loras";
constexpr const char* kPromptWeights = "prompt_weights";
constexpr const char* kSecondCfg = "cfg_second";

json to_json_value(const std::vector<RecordedLora>& loras) {
  json list = json::array();
  for (const RecordedLora& lora : loras) {
    list.push_back({{"lora", lora_text(lora.choice)}, {"fingerprint", lora.fingerprint}});
  }
  return list;
}

std::vector<RecordedLora> read_loras(const std::string& text, const std::string& where) {
  const json document = json_tree<json>(text, where);
  std::vector<RecordedLora> loras;
  for (const Value& entry : Value(document, where).list(kMostLoras)) {
    loras.push_back({.choice = parse_lora(entry.at("lora").text()),
                     .fingerprint = entry.at("fingerprint").text()});
  }
  return loras;
}

ClipRecord read_entries(const Entries& entries) {
  ClipRecord record{.prompt = entries.text("prompt"),
                    .seed = entries.seed(),
                    .software = entries.text("software")};
  ClipSettings& clip = record.clip;
  entries.size(clip);
  if (entries.has("fps")) {
    clip.fps = entries.number<double>("fps");
  }
  clip.steps = entries.number<std::int32_t>("steps");
  clip.shift = entries.number<double>("shift");
  clip.cfg = entries.number<double>("cfg");
  if (entries.has(kSecondCfg)) {
    clip.cfg->second = entries.number<double>(kSecondCfg);
  }
  clip.negative_prompt = entries.text("negative_prompt", false);
  // Versions that did not write it read all prompts as text.
  clip.prompt_weights = entries.has(kPromptWeights)
                            ? parse_prompt_weights(entries.text(kPromptWeights))
                            : PromptWeights::kNone;
  clip.sampler = entries.text("sampler");
  clip.dtype = entries.text("dtype");
  check_clip_settings(clip);
  const std::string model = entries.text("model");
  const std::size_t space = model.rfind(' ');
  record.model = model.substr(0, space);
  record.model_fingerprint = space == std::string::npos ? std::string() : model.substr(space + 1);
  record.image = entries.text("image", false);
  record.end_image = entries.text("end_image", false);
  record.plan = entries.text("plan");
  if (record.plan == "dense") {
    record.plan.clear();
  }
  record.plan_fingerprint = entries.text("plan_fingerprint", false);
  if (entries.has(kLoras)) {
    record.loras = read_loras(entries.text(kLoras), entries.place(kLoras));
  }
  record.adapted = !entries.text("adapted", false).empty();
  record.why_no_part = entries.text("plan_took_no_part", false);
  return record;
}

}  // namespace

Metadata to_metadata(const ClipRecord& record) {
  const ClipSettings& clip = record.clip;
  Metadata metadata{
      {"prompt", record.prompt},
      {"negative_prompt", clip.negative_prompt},
      {kPromptWeights, std::string(name_in(kPromptWeightsNames, clip.prompt_weights))},
      {"seed", std::to_string(record.seed)},
      {"model", concat(record.model, " ", record.model_fingerprint)},
      {"plan", record.plan.empty() ? "dense" : record.plan},
      {"size",
       concat(clip.width.value_or(0), "x", clip.height.value_or(0), "x", clip.frames.value_or(0))},
      {"fps", exact(clip.fps.value_or(0.0))},
      {"sampler", clip.sampler.value_or("")},
      {"steps", std::to_string(clip.steps.value_or(0))},
      {"shift", exact(clip.shift.value_or(0.0))},
      {"cfg", exact(clip.cfg.value_or(0.0).first)},
      {"dtype", clip.dtype.value_or("")},
      {"software", record.software}};
  if (clip.cfg && clip.cfg->second) {
    metadata[kSecondCfg] = exact(*clip.cfg->second);
  }
  if (!record.plan_fingerprint.empty()) {
    metadata["plan_fingerprint"] = record.plan_fingerprint;
  }
  if (!record.loras.empty()) {
    metadata[kLoras] = json_dump(to_json_value(record.loras));
  }
  if (!record.image.empty()) {
    metadata["image"] = record.image;
  }
  if (!record.end_image.empty()) {
    metadata["end_image"] = record.end_image;
  }
  if (record.adapted) {
    metadata["adapted"] = "to this clip";
  }
  if (!record.why_no_part.empty()) {
    metadata["plan_took_no_part"] = record.why_no_part;
  }
  return metadata;
}

std::optional<ClipRecord> clip_record_from(const Metadata& metadata, const std::string& source) {
  const auto software = metadata.find("software");
  if (software == metadata.end() || !software->second.starts_with(kSoftware)) {
    return std::nullopt;
  }
  try {
    return read_entries(Entries(metadata, source));
  } catch (const Error& error) {
    const std::string text = error.what();
    throw Error(ErrorCode::kFile,
                text.starts_with(source) ? text : concat(source, ": its settings: ", text));
  }
}

StoredClip read_clip(const fs::path& file) {
  media::Video video = media::read_video(file);
  StoredClip stored{.clip = std::move(video.clip),
                    .record = clip_record_from(video.metadata, file.string())};
  if (stored.record && !stored.record->clip.fps) {
    stored.record->clip.fps = stored.clip.fps;
  }
  return stored;
}

}  // namespace twill::report
