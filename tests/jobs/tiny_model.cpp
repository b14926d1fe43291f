// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "jobs/tiny_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "engine/small_sentence_piece.h"
#include "twill/engine/umt5.h"
#include "twill/engine/wan_vae.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"

namespace twill::tests {
namespace {

constexpr std::int64_t kChannels = 16;  // of the latents; 48 of wan2.2-ti2v
constexpr std::int64_t kTextDim = 16;
constexpr std::int64_t kTextLen = 8;
constexpr std::int64_t kVaeWidth = 4;

// Gathers tensors by name; values are drawn from one generator in the order of the calls.
class Builder {
 public:
  explicit Builder(std::uint64_t seed)
      : generator_(at::make_generator<at::CPUGeneratorImpl>(seed)) {}

  void random(const std::string& name, const std::vector<std::int64_t>& shape, double deviation) {
    tensors_[name] = at::normal(0.0, deviation, shape, generator_, at::kFloat, {}, {}, {});
  }
  void constant(const std::string& name, const std::vector<std::int64_t>& shape, double value) {
    tensors_[name] = at::full(shape, value, at::kFloat);
  }
  void linear(const std::string& name, std::int64_t out, std::int64_t in) {
    random(name + ".weight", {out, in}, 1.0 / std::sqrt(static_cast<double>(in)));
    random(name + ".bias", {out}, 0.02);
  }
  void conv(const std::string& name, std::int64_t out, std::int64_t in,
            const std::vector<std::int64_t>& kernel) {
    std::vector<std::int64_t> shape{out, in};
    double fan_in = static_cast<double>(in);
    for (const std::int64_t side : kernel) {
      shape.push_back(side);
      fan_in *= static_cast<double>(side);
    }
    random(name + ".weight", shape, 1.0 / std::sqrt(fan_in));
    random(name + ".bias", {out}, 0.02);
  }

  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }

 private:
  at::Generator generator_;
  std::map<std::string, at::Tensor> tensors_;
};

std::map<std::string, at::Tensor> dit_tensors(const TinyModel& model) {
  const std::int64_t dim = 64 * model.heads;
  Builder build(model.seed);
  const std::int64_t channels = model.first_frame ? 48 : kChannels;
  const std::int64_t of_pictures = model.from_pictures ? 20 : 0;
  build.conv("patch_embedding", dim, channels + of_pictures, {1, 2, 2});
  build.linear("text_embedding.0", dim, kTextDim);
  build.linear("text_embedding.2", dim, dim);
  build.linear("time_embedding.0", dim, 256);
  build.linear("time_embedding.2", dim, dim);
  build.linear("time_projection.1", 6 * dim, dim);
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    const std::string block = concat("blocks.", layer, ".");
    for (const char* attention : {"self_attn.", "cross_attn."}) {
      for (const char* part : {"q", "k", "v", "o"}) {
        build.linear(block + attention + part, dim, dim);
      }
      // Larger than 1: sharp attention, so that patterns differ in what they lose.
      build.constant(block + attention + "norm_q.weight", {dim}, 2.0);
      build.constant(block + attention + "norm_k.weight", {dim}, 1.0);
    }
    build.constant(block + "norm3.weight", {dim}, 1.0);
    build.constant(block + "norm3.bias", {dim}, 0.0);
    build.linear(block + "ffn.0", 2 * dim, dim);
    build.linear(block + "ffn.2", dim, 2 * dim);
    build.random(block + "modulation", {1, 6, dim}, 0.5);
  }
  build.linear("head.head", 4 * channels, dim);
  build.random("head.modulation", {1, 2, dim}, 0.1);
  return build.tensors();
}

void residual_block(Builder& build, const std::string& name, std::int64_t in, std::int64_t out) {
  build.constant(name + ".residual.0.gamma", {in, 1, 1, 1}, 1.0);
  build.conv(name + ".residual.2", out, in, {3, 3, 3});
  build.constant(name + ".residual.3.gamma", {out, 1, 1, 1}, 1.0);
  build.conv(name + ".residual.6", out, out, {3, 3, 3});
  if (in != out) {
    build.conv(name + ".shortcut", out, in, {1, 1, 1});
  }
}

void middle(Builder& build, const std::string& name, std::int64_t channels) {
  residual_block(build, name + ".0", channels, channels);
  build.constant(name + ".1.norm.gamma", {channels, 1, 1}, 1.0);
  build.conv(name + ".1.to_qkv", 3 * channels, channels, {1, 1});
  build.conv(name + ".1.proj", channels, channels, {1, 1});
  residual_block(build, name + ".2", channels, channels);
}

std::map<std::string, at::Tensor> vae_tensors(std::uint64_t seed) {
  Builder build(seed);
  const std::int64_t top = 4 * kVaeWidth;
  build.conv("conv1", 2 * kChannels, 2 * kChannels, {1, 1, 1});
  build.conv("conv2", kChannels, kChannels, {1, 1, 1});

  build.conv("encoder.conv1", kVaeWidth, 3, {3, 3, 3});
  std::int64_t in = kVaeWidth;
  int index = 0;
  for (const std::int64_t out : {kVaeWidth, 2 * kVaeWidth, top, top}) {
    for (int i = 0; i < 2; ++i, in = out) {
      residual_block(build, concat("encoder.downsamples.", index++), in, out);
    }
    if (index < 11) {
      const std::string name = concat("encoder.downsamples.", index++);
      build.conv(name + ".resample.1", out, out, {3, 3});
      if (index > 3) {
        build.conv(name + ".time_conv", out, out, {3, 1, 1});
      }
    }
  }
  middle(build, "encoder.middle", top);
  build.constant("encoder.head.0.gamma", {top, 1, 1, 1}, 1.0);
  build.conv("encoder.head.2", 2 * kChannels, top, {3, 3, 3});

  build.conv("decoder.conv1", top, kChannels, {3, 3, 3});
  middle(build, "decoder.middle", top);
  in = top;
  index = 0;
  for (const std::int64_t out : {top, top, 2 * kVaeWidth, kVaeWidth}) {
    for (int i = 0; i < 3; ++i, in = out) {
      residual_block(build, concat("decoder.upsamples.", index++), in, out);
    }
    if (index < 15) {
      const std::string name = concat("decoder.upsamples.", index++);
      build.conv(name + ".resample.1", out / 2, out, {3, 3});
      if (index < 9) {
        build.conv(name + ".time_conv", 2 * out, out, {3, 1, 1});
      }
      in = out / 2;
    }
  }
  build.constant("decoder.head.0.gamma", {kVaeWidth, 1, 1, 1}, 1.0);
  build.conv("decoder.head.2", 3, kVaeWidth, {3, 3, 3});
  return build.tensors();
}

// Wan 2.2's, whose table of weights the comparisons with diffusers judge.
std::map<std::string, at::Tensor> later_vae_tensors(std::uint64_t seed) {
  Builder build(seed);
  const engine::WanVaeConfig config{
      .residual = true, .encoder_width = kVaeWidth, .decoder_width = kVaeWidth};
  const engine::WeightTable table = engine::wan_vae_weights(config, at::kFloat);
  for (const engine::TensorRow& row : table.rows()) {
    if (row.name.ends_with(".gamma")) {
      build.constant(row.name, row.shape, 1.0);
    } else {
      std::int64_t fan_in = 1;
      for (std::size_t i = 1; i < row.shape.size(); ++i) {
        fan_in *= row.shape[i];
      }
      const bool bias = row.name.ends_with(".bias");
      build.random(row.name, row.shape, bias ? 0.02 : 1.0 / std::sqrt(static_cast<double>(fan_in)));
    }
  }
  return build.tensors();
}

std::map<std::string, at::Tensor> umt5_tensors(std::uint64_t seed) {
  Builder build(seed);
  const engine::Umt5Config config{
      .vocabulary = 8, .dim = kTextDim, .layers = 1, .heads = 2, .inner = 8, .ffn_dim = 8};
  const engine::WeightTable table = engine::umt5_weights(config, at::kFloat);
  for (const engine::TensorRow& row : table.rows()) {
    build.random(row.name, row.shape, 0.3);
  }
  std::map<std::string, at::Tensor> tensors = build.tensors();
  const std::string pieces = engine::testing::small_sentence_piece();
  at::Tensor bytes = at::empty({std::ssize(pieces)}, at::kByte);
  std::ranges::copy(pieces, bytes.mutable_data_ptr<std::uint8_t>());
  tensors["spiece_model"] = bytes;
  return tensors;
}

std::map<std::string, std::string> dit_metadata(const TinyModel& model) {
  return {{"config", concat(R"({"transformer": {"num_heads": )", model.heads, R"(, "text_dim": )",
                            kTextDim, "}}")}};
}

const char* family_of(const TinyModel& model) {
  return model.first_frame ? "wan2.2-ti2v" : model.from_pictures ? "wan2.2-i2v" : "wan2.1-t2v";
}

}  // namespace

void write_tiny_model(const std::filesystem::path& folder, const TinyModel& model) {
  std::filesystem::create_directories(folder);
  engine::write_safetensors(folder / "dit.safetensors", dit_tensors(model), dit_metadata(model));
  engine::write_safetensors(folder / "vae.safetensors", model.first_frame
                                                            ? later_vae_tensors(model.seed + 1)
                                                            : vae_tensors(model.seed + 1));
  Builder text(model.seed + 2);
  text.random("word_embedding.weight", {6, kTextDim}, 1.0);
  text.random("position_embedding.weight", {kTextLen, kTextDim}, 0.5);
  engine::write_safetensors(folder / "text.safetensors", text.tensors(),
                            {{"vocabulary", R"(["a", "red", "blue", "ball", "rolls", ","])"},
                             {"text_len", std::to_string(kTextLen)}});
  const char* const networks =
      model.from_pictures
          ? R"("dit_high_noise": "dit.safetensors", "dit_low_noise": "dit.safetensors")"
          : R"("dit": "dit.safetensors")";
  std::ofstream(folder / "model.json") << R"({
  "family": ")" << family_of(model) << R"(",
  "files": {)" << networks << R"(, "vae": "vae.safetensors", "text": "text.safetensors"},
  "default": {"width": 128, "height": 128, "frames": 33, "fps": 8, "steps": 4, "shift": 3.0, "cfg": 1.0,
              "sampler": "euler"}
}
)";
}

void write_tiny_comfy(const std::filesystem::path& comfy, const TinyModel& model) {
  const std::filesystem::path models = comfy / "models";
  for (const char* kind : {"diffusion_models", "vae", "text_encoders", "loras"}) {
    std::filesystem::create_directories(models / kind);
  }
  const auto write_network = [&](const std::string& name) {
    engine::write_safetensors(models / "diffusion_models" / (name + "_tiny.safetensors"),
                              dit_tensors(model), dit_metadata(model));
  };
  if (model.from_pictures) {
    write_network("wan2.2_i2v_high_noise");
    write_network("wan2.2_i2v_low_noise");
  } else {
    write_network("wan2.1_t2v");
  }
  engine::write_safetensors(models / "vae/wan_2.1_vae.safetensors", vae_tensors(model.seed + 1));
  engine::write_safetensors(models / "text_encoders/umt5_xxl_fp16.safetensors",
                            umt5_tensors(model.seed + 2));
}

void write_tiny_lora(const std::filesystem::path& file) {
  std::filesystem::create_directories(file.parent_path());
  const std::string module = "diffusion_model.blocks.0.self_attn.q.";
  engine::write_safetensors(file, {{module + "lora_up.weight", at::ones({128, 2})},
                                   {module + "lora_down.weight", at::ones({2, 128})}});
}

}  // namespace twill::tests
