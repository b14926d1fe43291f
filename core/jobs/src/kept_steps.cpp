// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_steps.h"

#include <ATen/ATen.h>

#include <map>
#include <system_error>
#include <utility>

#include "files.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"
#include "twill/plan/text_hash.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKey = "key";
constexpr const char* kNext = "next";
constexpr const char* kX = "x";
constexpr std::int64_t kMostState = 8;

std::string state_name(std::int64_t index) { return concat("state.", index); }

}  // namespace

KeptSteps::KeptSteps(fs::path folder, std::string key, double worth_seconds,
                     std::int64_t most_bytes)
    : folder_(std::move(folder)),
      file_(folder_ / concat(hex(hash_text(key)), ".safetensors")),
      key_("steps 1\n" + key),
      worth_seconds_(worth_seconds),
      most_bytes_(most_bytes),
      written_(Clock::now()) {}

std::optional<KeptSteps::Found> KeptSteps::find() const {
  std::error_code code;
  if (!fs::is_regular_file(file_, code)) {
    return std::nullopt;
  }
  try {
    const engine::Weights kept = engine::Weights::open(file_);
    if (kept.metadata().at(kKey) != key_) {
      return std::nullopt;
    }
    const auto get = [&](const std::string& name) {
      return kept.contains(name) ? kept.get(name, kept.shape(name), at::kFloat) : at::Tensor();
    };
    Found found{.next = std::stoll(kept.metadata().at(kNext)), .x = get(kX)};
    for (std::int64_t i = 0; i < kMostState; ++i) {
      found.state.push_back(get(state_name(i)));
    }
    return found.x.defined() && found.next > 0 ? std::optional(std::move(found)) : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

void KeptSteps::done(std::int64_t next, const at::Tensor& x, const engine::Sampler& sampler) {
  last_ = Found{.next = next, .x = x, .state = sampler.state()};
  TWILL_ASSERT(std::ssize(last_->state) <= kMostState);
  write_if_worth();
}

KeptSteps::~KeptSteps() { write_if_worth(); }

void KeptSteps::write_if_worth() {
  if (last_ && seconds_since(written_) >= worth_seconds_) {
    write();
  }
}

void KeptSteps::write() {
  const auto on_host = [](const at::Tensor& tensor) {
    return tensor.to(at::kCPU, at::kFloat).contiguous();
  };
  std::map<std::string, at::Tensor> tensors{{kX, on_host(last_->x)}};
  for (std::int64_t i = 0; i < std::ssize(last_->state); ++i) {
    if (const at::Tensor& state = last_->state[static_cast<std::size_t>(i)]; state.defined()) {
      tensors.emplace(state_name(i), on_host(state));
    }
  }
  try {
    std::error_code code;
    fs::create_directories(folder_, code);
    engine::write_safetensors(file_, tensors, {{kKey, key_}, {kNext, std::to_string(last_->next)}});
    remove_oldest(folder_, ".safetensors", most_bytes_);
  } catch (const Error&) {
    // A full or read-only disk: the clip does not depend on it.
  }
  written_ = Clock::now();
  last_.reset();
}

void KeptSteps::finish() {
  last_.reset();
  std::error_code code;
  fs::remove(file_, code);
}

}  // namespace twill::jobs
