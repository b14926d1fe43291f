// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What of the kernels runs on this machine.
#include <pybind11/stl.h>

#include <string>
#include <utility>

#include "bindings.h"
#include "tensor_argument.h"
#include "twill/kernels/machine.h"

namespace py = pybind11;

namespace twill::python {
namespace {

py::list cpu_kernels() {
  py::list facts;
  for (const kernels::KernelFact& fact : kernels::cpu_kernels()) {
    facts.append(py::dict(py::arg("name") = fact.name, py::arg("why_not") = fact.why_not));
  }
  return facts;
}

py::dict cuda_machine() {
  const kernels::CudaMachine machine = kernels::cuda_machine();
  py::list devices;
  for (const kernels::CudaDevice& device : machine.devices) {
    devices.append(py::dict(
        py::arg("name") = device.name, py::arg("capability") = device.capability,
        py::arg("memory_bytes") = device.memory_bytes, py::arg("why_not") = device.why_not));
  }
  py::list kernels;
  for (const kernels::KernelFact& fact : kernels::cuda_kernels_of(machine)) {
    kernels.append(py::dict(py::arg("name") = fact.name, py::arg("why_not") = fact.why_not));
  }
  return py::dict(py::arg("built_with") = machine.built_with,
                  py::arg("driver_takes") = machine.driver_takes,
                  py::arg("why_not") = machine.why_not, py::arg("devices") = devices,
                  py::arg("kernels") = kernels);
}

py::list cuda_kernels(std::int32_t capability, std::int32_t head_dim, const std::string& dtype,
                      float scale) {
  kernels::CudaCall call{.head_dim = head_dim, .dtype = read_dtype("q", dtype), .scale = scale};
  py::list facts;
  for (const auto& [name, precision] : {std::pair{"bf16", kernels::Precision::kBf16},
                                        std::pair{"int8", kernels::Precision::kInt8}}) {
    call.precision = precision;
    for (const kernels::CudaKernelFact& fact : kernels::cuda_kernels(capability, call)) {
      facts.append(py::dict(py::arg("name") = fact.name, py::arg("version") = fact.version,
                            py::arg("precision") = name, py::arg("why_not") = fact.why_not));
    }
  }
  return facts;
}

}  // namespace

void bind_machine(py::module_& module) {
  module.def("cpu_kernels", &cpu_kernels,
             "[{name, why_not}], the best first; why_not is empty for those that run.");
  module.def("cuda_machine", &cuda_machine,
             "{built_with, driver_takes, why_not, devices: [{name, capability, memory_bytes, "
             "why_not}], kernels: [{name, why_not}], the best first}; CUDA versions as 13000 for "
             "13.0, 0 for none.");
  module.def("cuda_kernels", &cuda_kernels, py::arg("capability"), py::arg("head_dim"),
             py::arg("dtype"), py::arg("scale"),
             "[{name, version, precision, why_not}] of the CUDA kernels, the best of each "
             "precision first, for such calls on a device of this compute capability.");
  module.def("why_not_driver", &kernels::why_not_driver, py::arg("built_with"),
             py::arg("driver_takes"));
  module.def("why_not_capability", &kernels::why_not_capability, py::arg("capability"));
}

}  // namespace twill::python
