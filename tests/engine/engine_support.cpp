// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "engine_support.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

namespace twill::engine::testing {
namespace {

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

  void weight(const std::string& name, at::IntArrayRef sizes) {
    std::int64_t fan_in = 1;
    for (const std::int64_t size : sizes.slice(1)) {
      fan_in *= size;
    }
    tensors[name + ".weight"] =
        at::randn(sizes, generator_) / std::sqrt(static_cast<double>(fan_in));
    tensors[name + ".bias"] = at::randn({sizes[0]}, generator_) * 0.3;
  }
  void around(const std::string& name, at::IntArrayRef sizes, double centre) {
    tensors[name] = at::randn(sizes, generator_) * 0.3 + centre;
  }

  Tensors tensors;

 private:
  at::Generator generator_;
};

void add_residual(Maker& make, const std::string& name, std::int64_t in, std::int64_t out) {
  make.around(name + ".residual.0.gamma", {in, 1, 1, 1}, 1.0);
  make.weight(name + ".residual.2", {out, in, 3, 3, 3});
  make.around(name + ".residual.3.gamma", {out, 1, 1, 1}, 1.0);
  make.weight(name + ".residual.6", {out, out, 3, 3, 3});
  if (in != out) {
    make.weight(name + ".shortcut", {out, in, 1, 1, 1});
  }
}

void add_middle(Maker& make, const std::string& name, std::int64_t channels) {
  add_residual(make, name + ".0", channels, channels);
  make.around(name + ".1.norm.gamma", {channels, 1, 1}, 1.0);
  make.weight(name + ".1.to_qkv", {3 * channels, channels, 1, 1});
  make.weight(name + ".1.proj", {channels, channels, 1, 1});
  add_residual(make, name + ".2", channels, channels);
}

}  // namespace

Tensors random_dit(const SmallDit& shape, std::uint64_t seed) {
  Maker make(seed);
  const std::int64_t dim = shape.heads * shape.head_dim;
  make.weight("patch_embedding",
              {dim, shape.in_channels > 0 ? shape.in_channels : shape.channels, 1, 2, 2});
  if (shape.image_dim > 0) {
    make.around("img_emb.proj.0.weight", {shape.image_dim}, 1.0);
    make.around("img_emb.proj.0.bias", {shape.image_dim}, 0.0);
    make.weight("img_emb.proj.1", {shape.image_dim, shape.image_dim});
    make.weight("img_emb.proj.3", {dim, shape.image_dim});
    make.around("img_emb.proj.4.weight", {dim}, 1.0);
    make.around("img_emb.proj.4.bias", {dim}, 0.0);
  }
  if (shape.image_positions > 0) {
    make.around("img_emb.emb_pos", {1, shape.image_positions, shape.image_dim}, 0.0);
  }
  make.weight("text_embedding.0", {dim, shape.text_dim});
  make.weight("text_embedding.2", {dim, dim});
  make.weight("time_embedding.0", {dim, 256});
  make.weight("time_embedding.2", {dim, dim});
  make.weight("time_projection.1", {6 * dim, dim});
  make.weight("head.head", {4 * shape.channels, dim});
  make.around("head.modulation", {1, 2, dim}, 0.0);
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string block = concat("blocks.", i, ".");
    make.around(block + "modulation", {1, 6, dim}, 0.0);
    make.around(block + "norm3.weight", {dim}, 1.0);
    make.around(block + "norm3.bias", {dim}, 0.0);
    for (const char* attention : {"self_attn.", "cross_attn."}) {
      for (const char* name : {"q", "k", "v", "o"}) {
        make.weight(block + attention + name, {dim, dim});
      }
      make.around(block + attention + "norm_q.weight", {dim}, 1.0);
      make.around(block + attention + "norm_k.weight", {dim}, 1.0);
    }
    if (shape.image_dim > 0) {
      make.weight(block + "cross_attn.k_img", {dim, dim});
      make.weight(block + "cross_attn.v_img", {dim, dim});
      make.around(block + "cross_attn.norm_k_img.weight", {dim}, 1.0);
    }
    make.weight(block + "ffn.0", {shape.ffn, dim});
    make.weight(block + "ffn.2", {dim, shape.ffn});
  }
  return make.tensors;
}

Tensors random_clip_vision(const SmallClipVision& shape, std::uint64_t seed) {
  Maker make(seed);
  const std::int64_t dim = shape.dim;
  const auto norm = [&](const std::string& name) {
    make.around(name + ".weight", {dim}, 1.0);
    make.around(name + ".bias", {dim}, 0.0);
  };
  make.around("embeddings.class_embedding", {dim}, 0.0);
  make.around("embeddings.patch_embedding.weight", {dim, 3, shape.patch, shape.patch}, 0.0);
  make.around("embeddings.position_embedding.weight", {shape.grid * shape.grid + 1, dim}, 0.0);
  norm("pre_layrnorm");
  norm("post_layernorm");
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string layer = concat("encoder.layers.", i, ".");
    norm(layer + "layer_norm1");
    norm(layer + "layer_norm2");
    for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      make.weight(layer + "self_attn." + name, {dim, dim});
    }
    make.weight(layer + "mlp.fc1", {shape.ffn, dim});
    make.weight(layer + "mlp.fc2", {dim, shape.ffn});
  }
  return make.tensors;
}

std::map<std::string, std::string> clip_vision_metadata(const SmallClipVision& shape) {
  return {{"config", concat(R"({"vision": {"num_heads": )", shape.heads, "}}")}};
}

std::map<std::string, std::string> dit_metadata(const SmallDit& shape) {
  return {{"config", concat(R"({"transformer": {"num_heads": )", shape.heads, "}}")}};
}

Tensors random_vae(std::int64_t width, std::uint64_t seed) {
  Maker make(seed);
  make.weight("conv1", {32, 32, 1, 1, 1});
  make.weight("conv2", {16, 16, 1, 1, 1});
  make.weight("encoder.conv1", {width, 3, 3, 3, 3});
  make.weight("decoder.conv1", {4 * width, 16, 3, 3, 3});
  std::int64_t in = width;
  int index = 0;
  for (const std::int64_t out : {width, 2 * width, 4 * width, 4 * width}) {
    for (int i = 0; i < 2; ++i) {
      add_residual(make, concat("encoder.downsamples.", index++), in, out);
      in = out;
    }
    if (index < 11) {
      const std::string name = concat("encoder.downsamples.", index++);
      make.weight(name + ".resample.1", {out, out, 3, 3});
      if (index > 3) {
        make.weight(name + ".time_conv", {out, out, 3, 1, 1});
      }
    }
  }
  add_middle(make, "encoder.middle", 4 * width);
  make.around("encoder.head.0.gamma", {4 * width, 1, 1, 1}, 1.0);
  make.weight("encoder.head.2", {32, 4 * width, 3, 3, 3});
  add_middle(make, "decoder.middle", 4 * width);
  index = 0;
  in = 4 * width;
  for (const std::int64_t out : {4 * width, 4 * width, 2 * width, width}) {
    for (int i = 0; i < 3; ++i) {
      add_residual(make, concat("decoder.upsamples.", index++), in, out);
      in = out;
    }
    if (index < 15) {
      const std::string name = concat("decoder.upsamples.", index++);
      make.weight(name + ".resample.1", {out / 2, out, 3, 3});
      if (index < 9) {
        make.weight(name + ".time_conv", {2 * out, out, 3, 1, 1});
      }
      in = out / 2;
    }
  }
  make.around("decoder.head.0.gamma", {width, 1, 1, 1}, 1.0);
  make.weight("decoder.head.2", {3, width, 3, 3, 3});
  return make.tensors;
}

Tensors random_vae22(const WanVaeConfig& config, std::uint64_t seed) {
  Maker make(seed);
  const WeightTable table = wan_vae_weights(config, at::kFloat);
  for (const TensorRow& row : table.rows()) {
    const std::string weight = ".weight";
    if (row.name.ends_with(weight)) {
      make.weight(row.name.substr(0, row.name.size() - weight.size()), row.shape);
    } else if (row.name.ends_with(".gamma")) {
      make.around(row.name, row.shape, 1.0);
    }
  }
  return make.tensors;
}

Tensors random_tae(std::int64_t channels, std::uint64_t seed) {
  Maker make(seed);
  const auto unbiased = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    make.weight(name, shape);
    make.tensors.erase(name + ".bias");
  };
  make.weight("decoder.1", {256, channels, 3, 3});
  int at = 3;
  for (const auto& [width, next, frames] :
       {std::array<std::int64_t, 3>{256, 128, 1}, {128, 64, 2}, {64, 64, 2}}) {
    for (int block = 0; block < 3; ++block, ++at) {
      for (const int conv : {0, 2, 4}) {
        make.weight(concat("decoder.", at, ".conv.", conv),
                    {width, conv == 0 ? 2 * width : width, 3, 3});
      }
    }
    unbiased(concat("decoder.", at + 1, ".conv"), {frames * width, width, 1, 1});
    unbiased(concat("decoder.", at + 2), {next, width, 3, 3});
    at += 3;
  }
  const std::int64_t colours = channels == 48 ? 12 : 3;
  make.weight("decoder.22", {colours, 64, 3, 3});
  make.tensors["decoder.22.weight"] *= 0.1;
  make.tensors["decoder.22.bias"] = at::full({colours}, 0.5);
  return make.tensors;
}

Weights saved(const std::filesystem::path& file, const Tensors& tensors,
              const std::map<std::string, std::string>& metadata) {
  write_safetensors(file, tensors, metadata);
  return Weights::open(file);
}

std::vector<at::Device> devices_here() {
  std::vector<at::Device> here{at::kCPU};
  if (at::hasCUDA()) {
    here.emplace_back(at::kCUDA, 0);
  }
  return here;
}

double worst_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace twill::engine::testing
