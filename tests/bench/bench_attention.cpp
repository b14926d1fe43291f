// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// bench_attention [--threads N] [--repeats N] [--plan FILE] [--only NAME]
// [--instructions NAME] [--out FILE]: Twill's attention on the CPU against ATen's
// scaled_dot_product_attention of the same dtype, in turns, over the cases below; with --plan also
// every layer of a plan at its own layout. Results are checked in double on sampled rows. Writes
// JSON; exit code 1 when an error is more than twice ATen's own or a repeated call gives other
// bits.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <malloc.h>
#include <torch/version.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cpu/tile_ops.h"
#include "twill/engine/aten_executor.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/attention.h"
#include "twill/plan/compile.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/profile.h"

namespace {

using namespace twill;
using Json = nlohmann::ordered_json;

// ---- Cases

struct Shape {
  TokenLayout layout;
  std::int32_t heads = 0;
  std::int32_t head_dim = 0;
};

struct Variant {
  std::string name;
  std::vector<Pattern> heads;  // repeated over the heads of the shape
};

const std::vector<Shape> kShapes{
    {{.frames = 13, .rows = 16, .cols = 16}, 4, 64},   // the demo model: 3,328 tokens
    {{.frames = 13, .rows = 16, .cols = 16}, 4, 128},  // and as wide as the large models
    {{.frames = 13, .rows = 25, .cols = 40}, 2, 64},   // 13,000 tokens
    {{.frames = 13, .rows = 25, .cols = 40}, 2, 128},
};

const std::vector<Variant> kVariants{
    {"dense", {dense()}},
    {"diagonal", {make_pattern(Diagonal{2.0})}},
    {"multi_diagonal", {make_pattern(MultiDiagonal{13, 0.0, 0.1})}},
    {"window", {make_pattern(Window{.frames = 1, .rows = 0.3, .cols = 0.3})}},
    {"vertical_stripe", {make_pattern(VerticalStripe{{{0, 13, 0.25, 0.6, 0.0, 1.0}}})}},
    {"mixed",
     {make_pattern(Diagonal{1.0}),
      make_union({Window{.frames = 13, .rows = 0.1, .cols = 0.1},
                  VerticalStripe{{{0, 1, 0.0, 1.0, 0.0, 1.0}}}}),
      mean(), make_pattern(Window{.frames = 2, .rows = 0.25, .cols = 0.25})}},
};

// ---- One call of either side

struct Tensors {
  at::Tensor q, k, v;  // [1, heads, tokens, head_dim], heads beside each other in memory
};

Tensors random_tensors(const Shape& shape, at::ScalarType dtype) {
  at::manual_seed(1);
  const auto make = [&] {
    return at::randn({1, shape.layout.tokens(), shape.heads, shape.head_dim})
        .to(dtype)
        .transpose(1, 2);
  };
  return {make(), make(), make()};
}

kernels::AttentionParams params_of(const Tensors& in, const at::Tensor& out,
                                   std::span<const kernels::HeadTask> tasks,
                                   std::span<const kernels::TileListView> lists, int threads) {
  return {.tensors =
              engine::kernel_tensors(in.q, in.k, in.v, *engine::kernel_dtype(in.q.scalar_type())),
          .out = out.mutable_data_ptr(),
          .out_strides = engine::strides_of(out),
          .tasks = tasks,
          .lists = lists,
          .threads = threads,
          .executor = &engine::aten_executor()};
}

// ---- Checks

constexpr std::int64_t kCheckedRows = 48;

// Relative error (root mean square, and largest against the largest exact value) on sampled rows,
// against the definition in double.
struct Error {
  double rms = 0.0;
  double worst = 0.0;
};

std::vector<bool> kept_keys(const kernels::AttentionParams& p, const kernels::HeadTask& task,
                            std::int64_t query) {
  std::vector<bool> kept(p.tensors.tokens, task.mode != kernels::HeadMode::kSparse);
  if (task.mode == kernels::HeadMode::kSparse) {
    const kernels::TileListView& list = p.lists[task.list];
    const auto token = [&](std::int64_t position) {
      return list.position_to_token.empty() ? position : list.position_to_token[position];
    };
    std::int64_t position = 0;
    while (token(position) != query) {
      ++position;
    }
    const std::int64_t tile = position / kernels::kQueryTile;
    for (std::int32_t i = list.run_begin[tile]; i < list.run_begin[tile + 1]; ++i) {
      const kernels::KeyRun& run = list.runs[i];
      const std::int64_t end = std::min<std::int64_t>(
          p.tensors.tokens, std::int64_t{run.first + run.count} * kernels::kKeyTile);
      for (std::int64_t j = std::int64_t{run.first} * kernels::kKeyTile; j < end; ++j) {
        kept[token(j)] = true;
      }
    }
  }
  return kept;
}

Error error_of(const kernels::AttentionParams& p, const Tensors& in, const at::Tensor& out) {
  double squares = 0.0, exact_squares = 0.0, worst = 0.0, largest = 0.0;
  for (std::int32_t head = 0; head < p.tensors.heads; ++head) {
    const kernels::HeadTask& task = p.tasks[head];
    const at::Tensor k = in.k[0][head].to(at::kDouble);
    const at::Tensor v = in.v[0][head].to(at::kDouble);
    for (std::int64_t i = 0; i < kCheckedRows; ++i) {
      const std::int64_t row = i * (p.tensors.tokens - 1) / (kCheckedRows - 1);
      at::Tensor exact;
      if (task.mode == kernels::HeadMode::kMean || task.mode == kernels::HeadMode::kSkip) {
        exact = task.mode == kernels::HeadMode::kMean ? v.mean(0) : at::zeros_like(v[0]);
      } else {
        const std::vector<bool> kept = kept_keys(p, task, row);
        at::Tensor scores = at::mv(k, in.q[0][head][row].to(at::kDouble)) * double{p.tensors.scale};
        double* s = scores.mutable_data_ptr<double>();
        for (std::int32_t key = 0; key < p.tensors.tokens; ++key) {
          s[key] = kept[key] ? s[key] : -std::numeric_limits<double>::infinity();
        }
        exact = at::mv(v.t(), at::softmax(scores, 0));
      }
      const at::Tensor difference = out[0][head][row].to(at::kDouble) - exact;
      squares += difference.square().sum().item<double>();
      exact_squares += exact.square().sum().item<double>();
      worst = std::max(worst, difference.abs().max().item<double>());
      largest = std::max(largest, exact.abs().max().item<double>());
    }
  }
  return {std::sqrt(squares / exact_squares), worst / largest};
}

// ---- Measures

double milliseconds_of(const std::function<void()>& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

Json spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
  };
  const auto rounded = [](double x) { return std::round(x * 1000) / 1000; };
  return {{"median", rounded(at(0.5))}, {"low", rounded(at(0.1))}, {"high", rounded(at(0.9))}};
}

double median_of(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

std::int64_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) {
      return std::stoll(line.substr(field.size() + 1)) * 1024;
    }
  }
  return 0;
}

// What malloc comes to by itself in a process that frees large blocks again and again: it keeps
// them.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

// High-water mark of the process's memory during the call, above what it had before.
std::int64_t peak_bytes_of(const std::function<void()>& call) {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);  // freed memory leaves the process, so that peaks can be seen
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
  const std::int64_t before = status_bytes("VmRSS");
  call();
  const std::int64_t peak = status_bytes("VmHWM");
  keep_freed_memory();
  return std::max<std::int64_t>(0, peak - before);
}

struct Options {
  int threads = 2;
  int repeats = 9;
  std::string plan;
  std::string only;
  std::string instructions;
  std::string out;
};

struct Call {
  std::string name;
  double density = 1.0;
  kernels::AttentionParams params;
};

// All calls and ATen's in turns on one set of tensors.
Json measure(const Shape& shape, at::ScalarType dtype, const Tensors& in, std::vector<Call>& calls,
             const Options& options, bool& correct) {
  at::Tensor theirs;
  const auto run_theirs = [&] { theirs = at::scaled_dot_product_attention(in.q, in.k, in.v); };
  const at::Tensor ours =
      at::zeros({1, shape.layout.tokens(), shape.heads, shape.head_dim}, in.q.options())
          .transpose(1, 2);
  const auto run_ours = [&](Call& call) {
    call.params.out = ours.mutable_data_ptr();
    const kernels::Status status = kernels::run_attention_cpu(call.params);
    TORCH_CHECK(status.ok, status.reason);
  };

  std::vector<std::vector<double>> their_ms(calls.size()), our_ms(calls.size());
  for (int repeat = -1; repeat < options.repeats; ++repeat) {  // the first warms up
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const double a = milliseconds_of(run_theirs);
      const double b = milliseconds_of([&] { run_ours(calls[i]); });
      if (repeat >= 0) {
        their_ms[i].push_back(a);
        our_ms[i].push_back(b);
      }
    }
  }

  const std::vector<kernels::HeadTask> all_dense(shape.heads);
  const Error their_error =
      error_of(params_of(in, ours, all_dense, {}, options.threads), in, theirs);
  const double kv_bytes = 2.0 * static_cast<double>(in.k.numel() * in.k.element_size());
  Json rows = Json::array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Call& call = calls[i];
    const std::int64_t extra = peak_bytes_of([&] { run_ours(call); });
    const at::Tensor first = ours.clone();
    kernels::AttentionParams more_threads = call.params;
    more_threads.threads = 8;
    std::swap(more_threads, call.params);
    run_ours(call);
    std::swap(more_threads, call.params);
    const bool same_bits = at::equal(first, ours);
    const Error error = error_of(call.params, in, ours);
    const bool exact = error.rms <= 2 * their_error.rms &&
                       (call.density < 1 || error.worst <= 2 * their_error.worst);
    std::vector<double> ratios;
    for (std::size_t r = 0; r < our_ms[i].size(); ++r) {
      ratios.push_back(their_ms[i][r] / our_ms[i][r]);
    }
    const double dense_flops = 4.0 * shape.heads * shape.head_dim *
                               std::pow(static_cast<double>(shape.layout.tokens()), 2);
    const auto gflops = [&](double ms, double density) {
      return std::round(density * dense_flops / ms / 1e5) / 10;
    };
    rows.push_back(
        {{"call", call.name},
         {"density", std::round(call.density * 1e4) / 1e4},
         {"ratio", spread_of(ratios)},
         {"ratio_x_density", std::round(median_of(ratios) * call.density * 1e3) / 1e3},
         {"ms", spread_of(our_ms[i])},
         {"sdpa_ms", spread_of(their_ms[i])},
         {"gflops", gflops(median_of(our_ms[i]), call.density)},
         {"sdpa_gflops", gflops(median_of(their_ms[i]), 1.0)},
         {"error_rms", error.rms},
         {"sdpa_error_rms", their_error.rms},
         {"error_worst", error.worst},
         {"sdpa_error_worst", their_error.worst},
         {"extra_memory_over_kv", std::round(static_cast<double>(extra) / kv_bytes * 100) / 100},
         {"same_bits_with_8_threads", same_bits}});
    correct = correct && exact && same_bits;
    std::fprintf(stderr,
                 "%6d tokens, head_dim %3d, %-8s %-16s density %.3f: %5.2fx, x density %.2f, %.0f "
                 "GFLOP/s%s\n",
                 shape.layout.tokens(), shape.head_dim, c10::toString(dtype), call.name.c_str(),
                 call.density, median_of(ratios), median_of(ratios) * call.density,
                 gflops(median_of(our_ms[i]), call.density), exact && same_bits ? "" : "  WRONG");
  }
  return {{"tokens", shape.layout.tokens()},
          {"heads", shape.heads},
          {"head_dim", shape.head_dim},
          {"dtype", c10::toString(dtype)},
          {"calls", rows}};
}

Plan plan_of(const Variant& variant, const Shape& shape) {
  Plan plan{.name = variant.name};
  plan.model = {.family = "bench",
                .experts = {"default"},
                .stacks = {{"blocks", 1, shape.heads}},
                .head_dim = shape.head_dim};
  plan.patterns = variant.heads;
  Segment segment{.t_begin = 0.0, .t_end = 1.0};
  std::vector<HeadPlan>& heads = segment.heads.emplace_back(shape.heads);
  for (std::int32_t head = 0; head < shape.heads; ++head) {
    heads[head].pattern = head % static_cast<std::int32_t>(variant.heads.size());
  }
  plan.segments.push_back(std::move(segment));
  return plan;
}

Json run_cases(const Options& options, at::ScalarType dtype, bool& correct) {
  Json results = Json::array();
  for (const Shape& shape : kShapes) {
    const Tensors in = random_tensors(shape, dtype);
    std::vector<CompiledPlan> compiled;
    compiled.reserve(kVariants.size());
    std::vector<Call> calls;
    for (const Variant& variant : kVariants) {
      if (!options.only.empty() && variant.name != options.only) {
        continue;
      }
      const CompiledPlan& plan = compiled.emplace_back(plan_of(variant, shape), shape.layout);
      calls.push_back({variant.name, plan.density(0, 0),
                       params_of(in, in.q, plan.tasks(0, 0, 0, 0), plan.lists(), options.threads)});
    }
    results.push_back(measure(shape, dtype, in, calls, options, correct));
  }
  return results;
}

double density_of(const kernels::AttentionParams& p) {
  const double dense =
      static_cast<double>(kernels::tile_count(p.tensors.tokens, kernels::kQueryTile)) *
      kernels::tile_count(p.tensors.tokens, kernels::kKeyTile);
  double tiles = 0;
  for (const kernels::HeadTask& task : p.tasks) {
    tiles += task.mode == kernels::HeadMode::kDense ? dense : 0.0;
    if (task.mode == kernels::HeadMode::kSparse) {
      for (const kernels::KeyRun& run : p.lists[task.list].runs) {
        tiles += run.count;
      }
    }
  }
  return tiles / dense / p.tensors.heads;
}

// Layers of the first sparse segment of a searched plan.
Json run_plan(const Options& options, at::ScalarType dtype, bool& correct) {
  const Plan plan = read_plan(options.plan);
  TORCH_CHECK(plan.model.stacks.size() == 1, "the plan has ", plan.model.stacks.size(), " stacks");
  TORCH_CHECK(plan.profile != nullptr, options.plan, ": has no profile, so no layout of its own");
  const Shape shape{plan.profile->layout, plan.model.stacks[0].heads, plan.model.head_dim};
  const CompiledPlan compiled(plan, shape.layout);
  std::int32_t segment = 0;
  while (segment + 1 < compiled.segment_count() && compiled.segment_is_dense(segment)) {
    ++segment;
  }
  const Tensors in = random_tensors(shape, dtype);
  std::vector<Call> calls;
  for (std::int32_t layer = 0; layer < plan.model.stacks[0].layers; ++layer) {
    Call call{"layer " + std::to_string(layer), 1.0,
              params_of(in, in.q, compiled.tasks(segment, 0, 0, layer), compiled.lists(),
                        options.threads)};
    call.density = density_of(call.params);
    calls.push_back(std::move(call));
  }
  Json result = measure(shape, dtype, in, calls, options, correct);
  double cells = 0, ms = 0, sdpa_ms = 0;
  for (const Json& row : result["calls"]) {
    cells += row["density"].get<double>() / static_cast<double>(calls.size());
    ms += row["ms"]["median"].get<double>();
    sdpa_ms += row["sdpa_ms"]["median"].get<double>();
  }
  result["plan"] = plan.name;
  result["segment"] = segment;
  result["all_layers"] = {
      {"density", cells}, {"ratio", sdpa_ms / ms}, {"ratio_x_density", sdpa_ms / ms * cells}};
  return result;
}

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown";
}

}  // namespace

int main(int count, char** values) {
  Options options;
  CLI::App app("Attention on the CPU against ATen's.");
  app.add_option("--threads", options.threads, "of both sides");
  app.add_option("--repeats", options.repeats)->check(CLI::PositiveNumber);
  app.add_option("--plan", options.plan, "a searched plan: its layers instead of the cases");
  app.add_option("--only", options.only, "one call of the cases");
  app.add_option("--instructions", options.instructions,
                 "the best instruction set that Twill may use (ATen's own switches are "
                 "ATEN_CPU_CAPABILITY and ONEDNN_MAX_CPU_ISA)");
  app.add_option("--out", options.out, "file for the JSON instead of standard output");
  CLI11_PARSE(app, count, values);
  if (!options.instructions.empty() && !kernels::limit_instructions(options.instructions)) {
    std::cerr << "--instructions " << options.instructions << ": this processor has none such\n";
    return 2;
  }
  at::set_num_threads(options.threads);
  keep_freed_memory();
  bool correct = true;
  Json report{{"command", "bench_attention --threads " + std::to_string(options.threads) +
                              " --repeats " + std::to_string(options.repeats)},
              {"processor", processor()},
              {"instructions", kernels::tile_ops(kernels::Dtype::kBf16).instructions},
              {"torch", TORCH_VERSION},
              {"threads", options.threads},
              {"results", Json::array()}};
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    if (!options.plan.empty()) {
      report["results"].push_back(run_plan(options, dtype, correct));
    } else {
      for (Json& result : run_cases(options, dtype, correct)) {
        report["results"].push_back(std::move(result));
      }
    }
  }
  const std::string text = report.dump(1) + "\n";
  if (options.out.empty()) {
    std::cout << text;
  } else {
    std::ofstream(options.out) << text;
  }
  return correct ? 0 : 1;
}
