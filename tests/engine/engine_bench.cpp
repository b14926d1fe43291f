// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Seconds of one transformer forward (attention apart) and of VAE decode and encode of a model
// folder's default clip.
//   engine_bench FOLDER [REPEATS] [BYTES]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <vector>

#include "twill/engine/model.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Dense attention with a stop watch.
class TimedAttention final : public twill::engine::SelfAttention {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const twill::engine::AttentionSite& site) override {
    const auto start = Clock::now();
    at::Tensor out = dense_.run(q, k, v, site);
    seconds += seconds_since(start);
    return out;
  }
  double seconds = 0.0;

 private:
  twill::engine::DenseAttention dense_;
};

void print_row(const char* what, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  std::printf("%-22s median %.3f s, fastest %.3f, slowest %.3f\n", what,
              seconds[seconds.size() / 2], seconds.front(), seconds.back());
}

void measure(const char* what, int repeats, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    const auto start = Clock::now();
    work();
    seconds.push_back(seconds_since(start));
  }
  print_row(what, seconds);
}

void run(const char* folder, int repeats, std::int64_t most_bytes) {
  const twill::engine::VideoModel model = twill::engine::load_model(folder);
  const auto shape = model.latent_shape(model.defaults.size);
  std::printf("%s, %s, %d tokens\n", twill::engine::device_name(model.device).c_str(),
              twill::engine::dtype_name(model.dtype).c_str(),
              model.grid(model.defaults.size).tokens());
  const at::Tensor latents = at::randn(shape);
  const twill::engine::Conditioned prompt = model.condition("");
  std::vector<double> attention_seconds;
  measure("transformer forward", repeats, [&] {
    TimedAttention attention;
    model.forward(latents, prompt, attention, {.t = 0.5});
    attention_seconds.push_back(attention.seconds);
  });
  attention_seconds.erase(attention_seconds.begin());
  print_row("  of it attention", attention_seconds);
  twill::engine::VaeOptions options;
  options.most_bytes = most_bytes;
  at::Tensor video;
  measure("VAE decode", repeats, [&] { video = model.vae->decode(latents, options); });
  measure("VAE encode", repeats, [&] { model.vae->encode(video, options); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: engine_bench FOLDER [REPEATS] [BYTES]\n");
    return 2;
  }
  try {
    run(argv[1], argc > 2 ? std::atoi(argv[2]) : 5, argc > 3 ? std::atoll(argv[3]) : 0);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
