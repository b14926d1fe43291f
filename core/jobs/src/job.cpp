// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/job.h"

#include <exception>
#include <filesystem>
#include <new>

#include "twill/plan/text.h"

namespace twill::jobs {
namespace {

// Libraries below append stack traces to their texts; people get the first line.
std::string first_line(const std::string& text) {
  return one_line(text.substr(0, text.find('\n')));
}

Outcome failed(ErrorCode code, const std::string& text) {
  return {.kind = OutcomeKind::kFailed, .code = code, .text = text};
}

}  // namespace

Outcome run_job(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Cancelled&) {
    return {.kind = OutcomeKind::kCancelled};
  } catch (const Error& error) {
    return failed(error.code(), one_line(error.what()));
  } catch (const std::bad_alloc&) {
    return failed(ErrorCode::kSystem, "not enough memory");
  } catch (const std::exception& error) {
    return failed(ErrorCode::kSystem, first_line(error.what()));
  } catch (...) {
    return failed(ErrorCode::kSystem, "an unknown failure");
  }
}

}  // namespace twill::jobs
