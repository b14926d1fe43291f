// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/job.h"

#include <exception>
#include <filesystem>
#include <new>

namespace twill::jobs {
namespace {

// Libraries below append stack traces to their texts; people get the first line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

Outcome run_job(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Cancelled&) {
    return {.kind = OutcomeKind::kCancelled};
  } catch (const Error& error) {
    return {.kind = OutcomeKind::kFailed, .code = error.code(), .text = first_line(error.what())};
  } catch (const std::bad_alloc&) {
    return {.kind = OutcomeKind::kFailed, .code = ErrorCode::kSystem, .text = "not enough memory"};
  } catch (const std::exception& error) {
    return {
        .kind = OutcomeKind::kFailed, .code = ErrorCode::kSystem, .text = first_line(error.what())};
  }
}

}  // namespace twill::jobs
