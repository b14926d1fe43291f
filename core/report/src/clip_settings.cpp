// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/clip_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "twill/kernels/dtype_names.h"
#include "twill/plan/error.h"
#include "twill/plan/sampler_times.h"
#include "twill/plan/text.h"

namespace twill::report {
namespace {

namespace fs = std::filesystem;

constexpr std::int32_t kMaxSide = 4096;
constexpr std::int32_t kMaxFrames = 1025;
constexpr std::int32_t kMaxSteps = 1000;
constexpr std::uint64_t kMaxPromptFileBytes = 1 << 20;
constexpr std::size_t kMostShown = 80;  // bytes of a prompt in a message

template <typename Value, std::size_t Count>
constexpr std::array<std::string_view, Count> names_of(
    const std::array<std::pair<Value, std::string_view>, Count>& rows) {
  std::array<std::string_view, Count> names;
  std::ranges::transform(rows, names.begin(), [](const auto& row) { return row.second; });
  return names;
}

constexpr auto kSamplers = names_of(kSamplerNames);
constexpr auto kDtypes = [] {
  std::array<std::string_view, kernels::kDtypeNames.size() + 1> names;
  std::ranges::copy(names_of(kernels::kDtypeNames), names.begin());
  names.back() = kFp8Products;
  return names;
}();

void check_side(std::string_view name, const std::optional<std::int32_t>& value,
                const std::optional<std::int32_t>& step) {
  const std::int32_t side = value.value_or(step.value_or(1));
  const bool inside = side > 0 && side <= kMaxSide;
  require(inside || step, ErrorCode::kUsage, name, " ", side, " is not in 1..", kMaxSide);
  require(!step || (inside && side % *step == 0), ErrorCode::kUsage, name, " ", side,
          " is not a multiple of ", step.value_or(1), " in ", step.value_or(1), "..", kMaxSide);
}

void check_frames(std::int32_t frames, const std::optional<std::int32_t>& step) {
  const bool inside = frames > 0 && frames <= kMaxFrames;
  require(inside || step, ErrorCode::kUsage, "frames ", frames, " is not in 1..", kMaxFrames);
  require(!step || (inside && (frames - 1) % *step == 0), ErrorCode::kUsage, "frames ", frames,
          " is not ", step.value_or(1), " n + 1 in 1..", kMaxFrames);
}

template <std::size_t Count>
void check_name(std::string_view setting, const std::optional<std::string>& value,
                const std::array<std::string_view, Count>& names) {
  if (!value || std::find(names.begin(), names.end(), *value) != names.end()) {
    return;
  }
  std::string list;
  for (const std::string_view name : names) {
    list += concat(list.empty() ? "" : ", ", name);
  }
  throw Error(ErrorCode::kUsage,
              concat(setting, " \"", shortened(*value, kMostShown), "\" is not one of ", list));
}

// family: null where it is not known.
void check_size(const ClipSettings& settings, const ModelFamily* family) {
  using Step = std::optional<std::int32_t>;
  check_side("width", settings.width, family != nullptr ? Step(family->width_step()) : Step());
  check_side("height", settings.height, family != nullptr ? Step(family->height_step()) : Step());
  check_frames(settings.frames.value_or(1),
               family != nullptr ? Step(family->frame_step()) : Step());
}

void check_run(const ClipSettings& settings) {
  const std::int32_t steps = settings.steps.value_or(1);
  require(steps > 0 && steps <= kMaxSteps, ErrorCode::kUsage, "steps ", steps, " is not in 1..",
          kMaxSteps);
  const double fps = settings.fps.value_or(16);
  require(fps > 0 && fps <= 240, ErrorCode::kUsage, "fps ", fps, " is not in (0, 240]");
  const double shift = settings.shift.value_or(1);
  require(shift > 0 && shift <= 100, ErrorCode::kUsage, "shift ", shift, " is not in (0, 100]");
  const Guidance cfg = settings.cfg.value_or(1.0);
  for (const double scale : {cfg.of(0), cfg.of(1)}) {
    require(scale >= 1 && scale <= 100, ErrorCode::kUsage, "cfg ", scale, " is not in 1..100");
  }
  require(settings.threads >= 0 && settings.threads <= 1024, ErrorCode::kUsage, "threads ",
          settings.threads, " is not in 0..1024");
  const double vram = settings.vram_gib.value_or(1);
  require(vram > 0 && vram <= 4096, ErrorCode::kUsage, "vram ", vram, " is not in (0, 4096] GiB");
  const double ram = settings.ram_gib.value_or(1);
  require(ram > 0 && ram <= 65536, ErrorCode::kUsage, "ram ", ram, " is not in (0, 65536] GiB");
  require(is_utf8(settings.negative_prompt), ErrorCode::kUsage, "negative prompt \"",
          shortened(valid_utf8(settings.negative_prompt), kMostShown), "\" is not UTF-8");
  check_loras(settings.loras);
  check_name("sampler", settings.sampler, kSamplers);
  check_name("dtype", settings.dtype, kDtypes);
}

}  // namespace

std::span<const std::string_view> sampler_names() { return kSamplers; }
std::span<const std::string_view> dtype_names() { return kDtypes; }

void check_clip_settings(const ClipSettings& settings) {
  check_size(settings, nullptr);
  check_run(settings);
}

void check_clip_settings(const ClipSettings& settings, const ModelFamily& family) {
  check_size(settings, &family);
  check_run(settings);
  require(!settings.cfg || !settings.cfg->second || family.experts.size() > 1, ErrorCode::kUsage,
          "cfg ", settings.cfg.value_or(1.0), ": a model of ", family.name,
          " has one network, which takes one scale");
}

void check_pictures(const ClipSettings& settings, const ModelFamily& family) {
  const auto shown = [&](const fs::path& file) {
    return concat("\"", shortened(valid_utf8(file.string()), kMostShown), "\"");
  };
  require(!family.needs_start() || !settings.image.empty(), ErrorCode::kUsage, "a model of ",
          family.name, " makes a clip from a picture, and none was named: give --image FILE");
  require(family.image || (settings.image.empty() && settings.end_image.empty()), ErrorCode::kUsage,
          "a model of ", family.name, " makes a clip from text alone and takes no picture, but ",
          settings.image.empty() ? concat("--end-image ", shown(settings.end_image))
                                 : concat("--image ", shown(settings.image)),
          " was given");
  require(family.takes_end() || settings.end_image.empty(), ErrorCode::kUsage, "a model of ",
          family.name,
          " makes a clip from a start picture or from text alone and takes no end picture, but "
          "--end-image ",
          shown(settings.end_image), " was given");
  const bool is_first_frame = family.image && family.image->first_frame && !settings.image.empty();
  require(!is_first_frame || settings.frames != 1, ErrorCode::kUsage, "a model of ", family.name,
          " makes the start picture the clip's first frame, so a clip of one frame would be that "
          "picture: give more frames");
}

void parse_size(std::string_view text, ClipSettings& settings) {
  const std::size_t cross = text.find('x');
  const auto number = [&](std::string_view part, std::int32_t& value) {
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), value);
    return code == std::errc() && end == part.data() + part.size() && !part.empty();
  };
  std::int32_t width = 0;
  std::int32_t height = 0;
  require(cross != std::string_view::npos && number(text.substr(0, cross), width) &&
              number(text.substr(cross + 1), height),
          ErrorCode::kUsage, "size \"", shortened(text, kMostShown),
          "\" is not WIDTHxHEIGHT in pixels, such as 256x256");
  settings.width = width;
  settings.height = height;
}

PromptWeights parse_prompt_weights(std::string_view text) {
  const std::optional<PromptWeights> weights = value_named(kPromptWeightsNames, text);
  require(weights.has_value(), ErrorCode::kUsage, "prompt weights \"", shortened(text, kMostShown),
          "\" is not one of ", all_names(kPromptWeightsNames));
  return *weights;
}

std::uint64_t parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seed);
  require(code == std::errc() && end == text.data() + text.size(), ErrorCode::kUsage, "seed \"",
          shortened(text, kMostShown), "\" is not a whole number in 0..",
          std::numeric_limits<std::uint64_t>::max());
  return seed;
}

void check_prompts(const std::vector<std::string>& prompts) {
  require(!prompts.empty(), ErrorCode::kUsage, "no prompt");
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    require(is_utf8(prompts[i]), ErrorCode::kUsage, "prompt ", i + 1, " \"",
            shortened(valid_utf8(prompts[i]), kMostShown), "\" is not UTF-8");
  }
}

std::vector<std::string> read_prompts(const fs::path& file, std::int64_t count) {
  std::vector<std::string> prompts;
  for (const std::string& line : read_lines(file, kMaxPromptFileBytes)) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line[begin] == '#') {
      continue;
    }
    prompts.push_back(line.substr(begin, line.find_last_not_of(" \t") - begin + 1));
  }
  require(!prompts.empty(), ErrorCode::kFile, file.string(), ": holds no prompt");
  if (count > 0) {
    require(prompts.size() >= static_cast<std::size_t>(count), ErrorCode::kUsage, file.string(),
            ": holds ", prompts.size(), " prompts, but ", count, " were asked for");
    prompts.resize(static_cast<std::size_t>(count));
  }
  return prompts;
}

}  // namespace twill::report
