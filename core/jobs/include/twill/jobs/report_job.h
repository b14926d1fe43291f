// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: a report of a plan (twill/report/plan_report.h), its pictures drawn with progress and stop.
#pragma once

#include "twill/jobs/job.h"
#include "twill/report/plan_report.h"

namespace twill::jobs {

// Throws as report::write_report(), and Cancelled between two pictures.
report::ReportResult write_report(const report::ReportOptions& options, const JobControl& control);

}  // namespace twill::jobs
