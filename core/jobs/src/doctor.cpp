// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/doctor.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <filesystem>

#include "json.h"
#include "session.h"
#include "twill/engine/device.h"

namespace twill::jobs {
namespace {

std::string cpu_features() {
  std::string features;
#if defined(__x86_64__) && defined(__GNUC__)
  const auto add = [&](bool has, const char* name) {
    if (has) {
      features += concat(features.empty() ? "" : " ", name);
    }
  };
  add(__builtin_cpu_supports("avx2") != 0, "avx2");
  add(__builtin_cpu_supports("fma") != 0, "fma");
  add(__builtin_cpu_supports("avx512f") != 0, "avx512f");
  add(__builtin_cpu_supports("avx512bf16") != 0, "avx512bf16");
#endif
  return features.empty() ? "none that matter here" : features;
}

}  // namespace

DoctorReport examine() {
  const c10::Device device = engine::choose_device();
  DoctorReport report;
  report.facts = {{"twill", TWILL_VERSION},
                  {"torch", torch_version()},
                  {"device", engine::device_name(device)},
                  {"dtype", engine::dtype_name(engine::choose_dtype(device))},
                  {"threads", std::to_string(at::get_num_threads())},
                  {"cpu features", cpu_features()},
                  {"cuda in torch", at::hasCUDA() ? "yes" : "no"}};
#ifdef TWILL_HAS_CUDA
  report.facts.emplace_back("cuda kernels", "yes");
#else
  report.facts.emplace_back("cuda kernels", "no");
  report.missing.emplace_back(
      "CUDA kernels: this build was made without nvcc, so plans run on the CPU");
#endif
#ifdef TWILL_HAS_VIDEO
  report.facts.emplace_back("video files", "yes");
#else
  report.facts.emplace_back("video files", "no");
  report.missing.emplace_back(
      "video files: this build was made without libav*; clips can be written as PNG frames");
#endif
  try {
    const std::filesystem::path model = find_demo_model();
    report.facts.emplace_back("demo model", model.string());
    if (!std::filesystem::exists(model / "model.json")) {
      report.missing.emplace_back(
          concat("demo model: ", (model / "model.json").string(), " does not exist"));
    }
  } catch (const Error& error) {
    report.facts.emplace_back("demo model", "not found");
    report.missing.emplace_back(error.what());
  }
  return report;
}

std::string to_json(const DoctorReport& report) {
  json facts = json::object();
  for (const auto& [name, value] : report.facts) {
    facts[name] = value;
  }
  return json{{"facts", facts}, {"missing", report.missing}}.dump(2) + "\n";
}

}  // namespace twill::jobs
