// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "meter.h"

#include <utility>

namespace twill::jobs {

Meter::Meter(const JobControl& control, std::string stage, std::int64_t total, std::int64_t done)
    : control_(control),
      stage_(std::move(stage)),
      total_(total),
      done_(done),
      first_(done),
      begin_(Clock::now()) {
  tell();
}

void Meter::advance(std::int64_t units) { set(done_ + units); }

void Meter::set(std::int64_t done) {
  done_ = done;
  tell();
}

void Meter::check_stop() const {
  if (control_.stop.stop_requested()) {
    throw Cancelled();
  }
}

void Meter::tell() const {
  if (!control_.progress) {
    return;
  }
  const double spent = seconds();
  const std::int64_t here = done_ - first_;
  const double eta = done_ >= total_ ? 0.0
                     : here > 0
                         ? spent / static_cast<double>(here) * static_cast<double>(total_ - done_)
                         : -1.0;
  control_.progress(
      {.stage = stage_, .done = done_, .total = total_, .seconds = spent, .eta_seconds = eta});
}

}  // namespace twill::jobs
