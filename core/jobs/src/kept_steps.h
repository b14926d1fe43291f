// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where a clip's sampling stands, so that one that was interrupted goes on from its last finished
// step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "meter.h"
#include "twill/engine/sampler.h"

namespace twill::jobs {

class KeptSteps {
 public:
  // key: all that decides the clip. worth_seconds: of work, below which nothing is written.
  // most_bytes: of all clips in the folder; the oldest go.
  KeptSteps(std::filesystem::path folder, std::string key, double worth_seconds = 10.0,
            std::int64_t most_bytes = std::int64_t{2} << 30);

  // What done() was told last is written, where it is worth it: the clip was interrupted.
  ~KeptSteps();
  KeptSteps(const KeptSteps&) = delete;
  KeptSteps& operator=(const KeptSteps&) = delete;

  struct Found {
    std::int64_t next = 0;  // the step that comes
    at::Tensor x;           // fp32, on the CPU
    std::vector<at::Tensor> state;
  };
  // Of a run that was interrupted; nothing where there is none, or the file is damaged.
  std::optional<Found> find() const;
  // After a step. Written at once where the work since the last time is worth it.
  void done(std::int64_t next, const at::Tensor& x, const engine::Sampler& sampler);
  // The clip is made: nothing is kept any more.
  void finish();

 private:
  void write_if_worth();
  void write();

  std::filesystem::path folder_;
  std::filesystem::path file_;
  std::string key_;
  double worth_seconds_;
  std::int64_t most_bytes_;
  Clock::time_point written_;  // when what stands in the file was, or the run began
  std::optional<Found> last_;  // not written yet
};

}  // namespace twill::jobs
