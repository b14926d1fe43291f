// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/report_job.h"

#include <optional>

#include "meter.h"

namespace twill::jobs {

report::ReportResult write_report(const report::ReportOptions& options, const JobControl& control) {
  std::optional<Meter> meter;
  return report::write_report(options, [&](std::int64_t done, std::int64_t total) {
    if (meter) {
      meter->set(done);
    } else {
      meter.emplace(control, "draw pictures", total, done);
    }
    if (done < total) {
      meter->check_stop();
    }
  });
}

}  // namespace twill::jobs
