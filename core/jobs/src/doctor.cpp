// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/doctor.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "json.h"
#include "session.h"
#include "twill/engine/device.h"
#include "twill/engine/model.h"
#include "twill/engine/sentence_piece.h"
#include "twill/jobs/model_folders.h"
#include "twill/kernels/machine.h"
#include "twill/media/picture_io.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/unfinished.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

// "580.159.04", or empty without an NVIDIA driver.
std::string nvidia_driver() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string word;
  for (bool found = false; file >> word;) {
    if (found && word.front() >= '0' && word.front() <= '9' &&
        word.find('.') != std::string::npos) {
      return word;
    }
    found = found || word == "Module" || word.ends_with("Module");
  }
  return {};
}

std::string cuda_name(std::int32_t version) {
  return version == 0 ? "none" : concat(version / 1000, ".", version % 1000 / 10);
}

void add_kernels(DoctorReport* report) {
  for (const kernels::KernelFact& kernel : kernels::cpu_kernels()) {
    report->kernels.push_back({"cpu " + kernel.name, kernel.why_not});
  }
  const kernels::CudaMachine machine = kernels::cuda_machine();
  const std::string driver = nvidia_driver();
  report->facts.emplace_back("nvidia driver", driver.empty() ? "none" : driver);
  report->facts.emplace_back("cuda of the kernels", cuda_name(machine.built_with));
  report->facts.emplace_back("cuda of the driver", cuda_name(machine.driver_takes));
  for (const kernels::CudaDevice& device : machine.devices) {
    report->facts.emplace_back(
        "gpu", concat(device.name, ", ", device.capability / 10, ".", device.capability % 10, ", ",
                      device.memory_bytes >> 30, " GiB"));
    if (!device.why_not.empty()) {
      report->missing.push_back(concat("CUDA kernels on ", device.name, ": ", device.why_not));
    }
  }
  for (const auto& [name, reason] : kernels::cuda_kernels_of(machine)) {
    report->kernels.push_back({"cuda " + name, reason});
  }
  if (!machine.why_not.empty()) {
    const bool old = machine.driver_takes != 0 && machine.built_with != 0 &&
                     machine.driver_takes / 1000 < machine.built_with / 1000;
    (old ? report->problems : report->missing).push_back("CUDA kernels: " + machine.why_not);
  }
}

// Empty, or the sentence of the error that `look` throws.
template <typename Look>
std::string why_not(const Look& look) {
  try {
    look();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    entries.push_back(entry.path());
  }
  std::ranges::sort(entries);
  return entries;
}

void add_files(DoctorReport* report) {
  fs::path demo;
  const std::string not_found = why_not([&] { demo = find_demo_model(); });
  if (!not_found.empty()) {
    report->facts.emplace_back("demo model", "not found");
    report->missing.push_back(not_found);
    return;
  }
  report->facts.emplace_back("demo model", demo.string());
  report->models.push_back({demo.string(), why_not([&] {
                              engine::load_model(
                                  demo, {.device = c10::Device(c10::kCPU), .dtype = at::kFloat});
                            })});
  for (const fs::path& folder : sorted_entries(demo.parent_path())) {
    for (const fs::path& file : sorted_entries(folder)) {
      const fs::path name = file.filename();
      if (file.extension() == ".json" && name != "model.json" && name != "metrics.json" &&
          name != "preview.json" && !name.string().ends_with(".search.json") &&
          folder.filename() != "sources") {
        report->presets.push_back({file.string(), why_not([&] { read_plan(file); })});
      }
    }
  }
  for (const auto* examined : {&report->models, &report->presets}) {
    for (const Examined& file : *examined) {
      if (!file.why_not.empty()) {
        report->problems.push_back(file.why_not);
      }
    }
  }
}

// What clips may begin and end with.
void add_pictures(DoctorReport* report) {
  const std::vector<std::string> readable = media::readable_pictures();
  std::string names;
  for (const std::string& name : readable) {
    names += concat(names.empty() ? "" : ", ", name);
  }
  report->facts.emplace_back("pictures", names.empty() ? "none" : names);
  if (readable.empty()) {
    report->missing.emplace_back(
        "pictures: this build was made without libav*; clips cannot begin with one");
  } else if (readable.size() < 3) {
    report->missing.push_back(concat("pictures: this libav reads ", names, " and no other"));
  }
}

// As the standard library looks for it, which tells no name of a folder that is not there.
fs::path temporary_folder() {
  for (const char* variable : {"TMPDIR", "TMP", "TEMP", "TEMPDIR"}) {
    if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') {
      return value;
    }
  }
  return "/tmp";
}

void add_write_access(DoctorReport* report) {
  std::error_code code;
  std::vector<fs::path> folders{"."};
  if (const fs::path here = fs::current_path(code); !code) {
    folders.front() = here;
  }
  if (const fs::path temporary = temporary_folder(); temporary != folders.front()) {
    folders.push_back(temporary);
  }
  for (const fs::path& folder : folders) {
    Examined examined{folder.string(), {}};
    if (!fs::is_directory(folder, code)) {
      examined.why_not = concat(folder.string(), ": is no folder");
    } else if (!why_not([&] { UnfinishedFile(folder / "doctor").write(" "); }).empty()) {
      examined.why_not = concat(folder.string(), ": nothing can be written there");
    }
    if (!examined.why_not.empty()) {
      report->missing.push_back(examined.why_not);
    }
    report->write_access.push_back(examined);
  }
}

json examined_json(const std::vector<Examined>& list, const char* what) {
  json rows = json::array();
  for (const Examined& examined : list) {
    rows.push_back({{what, examined.name}, {"why_not", examined.why_not}});
  }
  return rows;
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
                  {"cuda in torch", at::hasCUDA() ? "yes" : "no"}};
  add_kernels(&report);
#ifdef TWILL_HAS_VIDEO
  report.facts.emplace_back("video files", "yes");
#else
  report.facts.emplace_back("video files", "no");
  report.missing.emplace_back(
      "video files: this build was made without libav*; clips can be written as PNG frames");
#endif
  add_pictures(&report);
  report.facts.emplace_back("text encoders",
                            engine::SentencePiece::left_out().empty() ? "yes" : "no");
  if (!engine::SentencePiece::left_out().empty()) {
    report.missing.emplace_back(
        "text encoders: this build was made without SentencePiece; models whose text side is a "
        "table of words run");
  }
  add_files(&report);
  add_write_access(&report);
  return report;
}

std::string to_json(const DoctorReport& report) {
  json facts = json::object();
  for (const auto& [name, value] : report.facts) {
    facts[name] = value;
  }
  return json_dump(json{{"facts", facts},
                        {"kernels", examined_json(report.kernels, "name")},
                        {"models", examined_json(report.models, "folder")},
                        {"presets", examined_json(report.presets, "file")},
                        {"write_access", examined_json(report.write_access, "folder")},
                        {"missing", report.missing},
                        {"problems", report.problems}},
                   2) +
         "\n";
}

}  // namespace twill::jobs
