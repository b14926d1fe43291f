// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <exception>

#include "bindings.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace py = pybind11;

namespace {

const char* code_name(twill::ErrorCode code) {
  switch (code) {
    case twill::ErrorCode::kUsage:
      return "usage";
    case twill::ErrorCode::kFile:
      return "file";
    case twill::ErrorCode::kModel:
      return "model";
    case twill::ErrorCode::kUnsupported:
      return "unsupported";
    case twill::ErrorCode::kSystem:
      return "system";
  }
  return "unknown";
}

// The class lives in Python, where it also exists without this module.
void translate_error(const std::exception_ptr& pointer) {
  try {
    if (pointer) {
      std::rethrow_exception(pointer);
    }
  } catch (const twill::Error& error) {
    const py::object type = py::module_::import("twill_vdit.errors").attr("Error");
    py::set_error(type, type(twill::valid_utf8(error.what()), code_name(error.code())));
  }
}

}  // namespace

PYBIND11_MODULE(_twill, module) {
  module.doc() = "Twill's plans, kernels and search. Use the package twill_vdit around it.";
  module.attr("__version__") = TWILL_VERSION;
  // Local: other modules of the process, torch's among them, may share pybind11's global list.
  py::register_local_exception_translator(
      [](std::exception_ptr pointer) { translate_error(pointer); });
  twill::python::bind_machine(module);
  twill::python::bind_plan(module);
  twill::python::bind_attention(module);
  twill::python::bind_cuda(module);
  twill::python::bind_search(module);
}
