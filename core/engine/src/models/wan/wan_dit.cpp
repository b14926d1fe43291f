// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/wan_dit.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "dit_ops.h"
#include "fp8_product.h"
#include "kept_values.h"
#include "layer_store.h"
#include "twill/engine/weight_table.h"
#include "twill/plan/error.h"
#include "vector_math.h"

namespace twill::engine {
namespace {

constexpr double kTimePeriod = 10000.0;
constexpr std::int64_t kPatch = kWanPatch[1];  // a patch is of one frame, and square
constexpr std::int64_t kPatchCells = kPatch * kPatch;

struct Linear {
  at::Tensor weight;
  at::Tensor bias;

  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

// A product of a layer, whose weight may stand in memory as its file has it.
struct Product {
  std::vector<KeptMatrix> weight;  // below each other
  at::Tensor bias;
  bool in_fp8 = false;  // where the weight can be taken so

  bool takes_fp8() const { return in_fp8 && weight.size() == 1 && engine::takes_fp8(weight[0]); }
  at::Tensor values() const { return values_of(weight, bias.scalar_type()); }
  at::Tensor operator()(const at::Tensor& x) const {
    return takes_fp8() ? fp8_linear(x, weight[0], bias) : at::linear(x, values(), bias);
  }
  // The same with a GELU in its form with a hyperbolic tangent.
  at::Tensor gelu(const at::Tensor& x) const {
    if (!takes_fp8()) {
      return linear_gelu(x, values(), bias);
    }
    at::Tensor hidden = (*this)(x);
    gelu_tanh_(hidden);
    return hidden;
  }
};

struct Layer {
  at::Tensor
      modulation;  // [6, dim] fp32: shift, scale, gate of self-attention, then of the feed-forward
  Product qkv;     // the three products of self-attention in one
  Product out;
  at::Tensor norm_q, norm_k;            // [dim] fp32
  at::Tensor cross_scale, cross_shift;  // [1, dim] fp32: the affine norm before cross-attention
  Product cross_q, cross_k, cross_v, cross_out;
  at::Tensor cross_norm_q, cross_norm_k;
  Product image_k, image_v;  // undefined where the model takes no image
  at::Tensor image_norm_k;
  Product up, down;
};

// The tensors of a layer one after the other, in the order in which a LayerStore has them.
template <typename SomeLayer, typename Call>
void for_each_tensor(SomeLayer& layer, bool takes_image, const Call& call) {
  const auto linear = [&](auto& product) {
    for (KeptMatrix& matrix : product.weight) {
      matrix.for_each_tensor(call);
    }
    call(product.bias);
  };
  call(layer.modulation);
  linear(layer.qkv);
  linear(layer.out);
  call(layer.norm_q);
  call(layer.norm_k);
  call(layer.cross_scale);
  call(layer.cross_shift);
  linear(layer.cross_q);
  linear(layer.cross_k);
  linear(layer.cross_v);
  linear(layer.cross_out);
  call(layer.cross_norm_q);
  call(layer.cross_norm_k);
  linear(layer.up);
  linear(layer.down);
  if (takes_image) {
    linear(layer.image_k);
    linear(layer.image_v);
    call(layer.image_norm_k);
  }
}

// Cosines first, then sines, of the timestep times falling frequencies, computed in double, by libm
// for the reason that make_rope_table has.
at::Tensor time_waves(const at::Tensor& timestep, std::int64_t frequencies) {
  const std::int64_t half = frequencies / 2;
  const at::Tensor times = timestep.to(at::kCPU, at::kDouble).contiguous();
  at::Tensor waves = at::empty({times.numel(), 2 * half}, at::kFloat);
  float* wave = waves.mutable_data_ptr<float>();
  for (std::int64_t row = 0; row < times.numel(); ++row, wave += 2 * half) {
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle =
          times.const_data_ptr<double>()[row] *
          std::pow(kTimePeriod, -static_cast<double>(i) / static_cast<double>(half));
      wave[i] = static_cast<float>(std::cos(angle));
      wave[half + i] = static_cast<float>(std::sin(angle));
    }
  }
  return waves;
}

at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
}

// Of an image encoder's tokens, before all layers.
struct ImageEmbedding {
  at::Tensor positions;                // [1, tokens, image_dim] fp32; undefined where it has none
  Linear norm_in, up, down, norm_out;  // the norms are affine, not products

  at::Tensor operator()(const at::Tensor& tokens) const {
    constexpr double kEpsilon = 1e-5;
    const auto norm = [&](const at::Tensor& x, const Linear& affine) {
      return at::layer_norm(x, {x.size(-1)}, affine.weight, affine.bias, kEpsilon);
    };
    const at::Tensor placed = positions.defined() ? tokens + positions : tokens;
    return norm(down(at::gelu(up(norm(placed, norm_in)))), norm_out);
  }
};

at::Tensor join_heads(const at::Tensor& x) { return x.transpose(1, 2).flatten(2); }

// [batch, tokens, dim] as one row for each of `count` groups of tokens, which stand one behind the
// other and share a modulation: a batch row each, or as many as it has times.
at::Tensor in_groups(const at::Tensor& x, std::int64_t count) {
  return x.view({count, -1, x.size(2)});
}

// The norm of `stream`, with the shift and the scale at `first` of the modulation [groups, n, dim].
at::Tensor modulated(const at::Tensor& stream, const at::Tensor& modulation, std::int64_t first,
                     at::ScalarType dtype) {
  return layer_norm_affine(in_groups(stream, modulation.size(0)),
                           modulation.select(1, first + 1) + 1, modulation.select(1, first), dtype)
      .view(stream.sizes());
}

// stream += y * gates, each for a group.
void add_modulated_(at::Tensor& stream, const at::Tensor& y, const at::Tensor& gates) {
  at::Tensor groups = in_groups(stream, gates.size(0));
  add_gated_(groups, in_groups(y, gates.size(0)), gates);
}

}  // namespace

struct WanDit::Impl {
  WanConfig config;
  at::ScalarType dtype;
  at::Device device;
  bool fp8_products;
  Linear patch, text_in, text_out, time_in, time_out, time_projection, head;
  ImageEmbedding image_embedding;
  at::Tensor head_modulation;  // [2, dim] fp32: shift, scale
  // What products' weights are in each; the tensors stand in the store.
  std::vector<Layer> forms;
  // Where a layer is read from that stands in no memory.
  struct File {
    Weights weights;
    WeightTable table;
    std::vector<Lora> loras;
  };
  std::optional<File> file;
  std::unique_ptr<LayerStore> layers;

  // The last grid's table: a run has one grid.
  mutable std::mutex rope_mutex;
  mutable std::array<std::int64_t, 3> rope_grid{};
  mutable RopeTable rope;

  Impl(const Weights& weights, const WanConfig& wan, const WanPlace& place,
       std::span<const Lora> loras)
      : config(wan),
        dtype(place.dtype),
        device(place.device),
        fp8_products(place.fp8_products),
        layers(make_layers(weights, place, loras)) {
    const WeightTable table = wan_weights(config, dtype);
    TableReader reader(weights, table, place.limits ? at::Device(at::kCPU) : device, loras);
    const auto take = [&](const std::string& name) { return reader.take(name).to(device); };
    const auto linear = [&](const std::string& name) {
      at::Tensor weight = take(name + ".weight");
      return Linear{std::move(weight), take(name + ".bias")};
    };
    patch = linear("patch_embedding");
    patch.weight = patch.weight.flatten(1);
    text_in = linear("text_embedding.0");
    text_out = linear("text_embedding.2");
    time_in = linear("time_embedding.0");
    time_out = linear("time_embedding.2");
    time_projection = linear("time_projection.1");
    head = linear("head.head");
    head_modulation = take("head.modulation")[0];
    if (config.image_dim > 0) {
      image_embedding = {.norm_in = linear("img_emb.proj.0"),
                         .up = linear("img_emb.proj.1"),
                         .down = linear("img_emb.proj.3"),
                         .norm_out = linear("img_emb.proj.4")};
    }
    if (config.image_positions > 0) {
      image_embedding.positions = take("img_emb.emb_pos");
    }
    for (std::int64_t i = 0; i < config.layers; ++i) {
      Layer layer = read_layer(reader, i, device);
      layers->add(taken_out(layer));
      forms.push_back(std::move(layer));
    }
    reader.finish("a Wan 2.1 transformer");
  }

  bool takes_image() const { return config.image_dim > 0; }

  std::unique_ptr<LayerStore> make_layers(const Weights& weights, const WanPlace& place,
                                          std::span<const Lora> loras) {
    if (!place.limits) {
      return std::make_unique<LayerStore>(device, config.layers);
    }
    const NetworkMemory sums =
        wan_memory(config, dtype, /*tokens=*/0, weights, loras, fp8_products);
    const LayerPlaces places(config.layers, sums.all_layers, sums.layer, *place.limits);
    if (places.from_file() == 0) {
      return std::make_unique<LayerStore>(device, places, nullptr);
    }
    file.emplace(File{weights, wan_weights(config, dtype), {loras.begin(), loras.end()}});
    // Whoever stops later stops another job, and what is read goes into pinned memory anyway.
    file->weights.set_stop({});
    file->weights.set_pinned(false);
    std::ranges::for_each(file->loras, [](Lora& lora) { lora.set_stop({}); });
    return std::make_unique<LayerStore>(device, places,
                                        [this](std::int64_t layer) { return read_again(layer); });
  }

  LayerTensors taken_out(Layer& layer) const {
    LayerTensors tensors;
    for_each_tensor(layer, takes_image(),
                    [&](at::Tensor& tensor) { tensors.push_back(std::move(tensor)); });
    return tensors;
  }

  LayerTensors read_again(std::int64_t index) const {
    TableReader reader(file->weights, file->table, at::kCPU, file->loras);
    // The device is at work.
    Layer layer = read_layer(reader, index, at::kCPU);
    file->weights.check_unchanged();
    std::ranges::for_each(file->loras, [](const Lora& lora) { lora.check_unchanged(); });
    return taken_out(layer);
  }

  // Made on the device that is named; where it lies does not change.
  KeptMatrix in_fp8(KeptMatrix weight, at::Device where) const {
    if (takes_fp8(weight) || weight.values.is_meta()) {
      return weight;
    }
    const at::Device place = weight.values.device();
    weight.for_each_tensor([&](at::Tensor& tensor) { tensor = tensor.to(where); });
    KeptMatrix made = as_fp8(values_of({std::move(weight)}, dtype));
    made.for_each_tensor([&](at::Tensor& tensor) { tensor = tensor.to(place); });
    return made;
  }

  // quantising: the device for what files do not have in fp8.
  Layer read_layer(TableReader& reader, std::int64_t index, at::Device quantising) const {
    const std::string block = concat("blocks.", index, ".");
    const auto vector = [&](const char* name) { return reader.take(block + name); };
    const auto product = [&](const std::string& name) {
      KeptMatrix weight = reader.take_product(block + name + ".weight");
      if (fp8_products) {
        weight = in_fp8(std::move(weight), quantising);
      }
      return Product{{std::move(weight)}, reader.take(block + name + ".bias"), fp8_products};
    };
    const Product q = product("self_attn.q");
    const Product k = product("self_attn.k");
    const Product v = product("self_attn.v");
    Layer layer{
        .modulation = vector("modulation")[0],
        .qkv = {joined({q.weight[0], k.weight[0], v.weight[0]}), at::cat({q.bias, k.bias, v.bias}),
                fp8_products},
        .out = product("self_attn.o"),
        .norm_q = vector("self_attn.norm_q.weight"),
        .norm_k = vector("self_attn.norm_k.weight"),
        .cross_scale = vector("norm3.weight").unsqueeze(0),
        .cross_shift = vector("norm3.bias").unsqueeze(0),
        .cross_q = product("cross_attn.q"),
        .cross_k = product("cross_attn.k"),
        .cross_v = product("cross_attn.v"),
        .cross_out = product("cross_attn.o"),
        .cross_norm_q = vector("cross_attn.norm_q.weight"),
        .cross_norm_k = vector("cross_attn.norm_k.weight"),
        .up = product("ffn.0"),
        .down = product("ffn.2"),
    };
    if (takes_image()) {
      layer.image_k = product("cross_attn.k_img");
      layer.image_v = product("cross_attn.v_img");
      layer.image_norm_k = vector("cross_attn.norm_k_img.weight");
    }
    return layer;
  }

  // On the device until the pass is asked for another one.
  Layer layer_of(LayerStore::Pass& pass, std::int64_t index) const {
    Layer layer = forms[static_cast<std::size_t>(index)];
    auto next = pass.layer(index);
    auto at = next.begin();
    for_each_tensor(layer, takes_image(), [&](at::Tensor& tensor) { tensor = std::move(*at++); });
    return layer;
  }

  RopeTable rope_for(std::int64_t frames, std::int64_t rows, std::int64_t cols) const {
    const std::scoped_lock lock(rope_mutex);
    const std::array grid{frames, rows, cols};
    if (grid != rope_grid) {
      rope = make_rope_table(frames, rows, cols, config.head_dim(), device);
      rope_grid = grid;
    }
    return rope;
  }

  void check_input(const at::Tensor& x, const at::Tensor& timestep, const WanPrompt& prompt) const {
    require(x.dim() == 5 && x.size(1) == config.in_channels, ErrorCode::kUsage, "latents of shape ",
            x.sizes(), " are not [batch, ", config.in_channels, ", frames, height, width]");
    require(x.numel() > 0 && x.size(3) % kPatch == 0 && x.size(4) % kPatch == 0, ErrorCode::kUsage,
            "latents of ", x.size(3), " rows and ", x.size(4),
            " columns: both must be even and not 0");
    const std::int64_t tokens = x.size(2) * (x.size(3) / kPatch) * (x.size(4) / kPatch);
    const bool one_each = timestep.dim() == 1;
    require(timestep.dim() >= 1 && timestep.dim() <= 2 && timestep.size(0) == x.size(0) &&
                (one_each || timestep.size(1) == x.size(2) || timestep.size(1) == tokens),
            ErrorCode::kUsage, "timesteps of shape ", timestep.sizes(), " are not one for each of ",
            x.size(0), " batch rows, nor for each of their ", x.size(2), " frames or ", tokens,
            " tokens");
    require(std::ssize(prompt.keys) == config.layers, ErrorCode::kUsage, "a prompt prepared for ",
            prompt.keys.size(), " layers was given to a model of ", config.layers);
    const std::int64_t rows = prompt.keys.front().size(0);
    require(rows == 1 || rows == x.size(0), ErrorCode::kUsage, "a prompt of ", rows,
            " rows was given with ", x.size(0), " batch rows");
    const std::int64_t with_image = takes_image() ? config.layers : 0;
    require(std::ssize(prompt.image_keys) == with_image, ErrorCode::kUsage,
            "a prompt with an image for ", prompt.image_keys.size(),
            " layers was given to a model that takes one in ", with_image);
  }

  // rows: of the text that it stands beside.
  void check_image(const at::Tensor& image, std::int64_t rows) const {
    require(config.image_dim > 0 || !image.defined(), ErrorCode::kUsage,
            "a Wan transformer that takes no image's tokens was given some");
    require(config.image_dim == 0 || (image.defined() && image.dim() == 3 && image.numel() > 0 &&
                                      image.size(0) == rows && image.size(2) == config.image_dim),
            ErrorCode::kUsage, "an image's tokens of shape ",
            image.defined() ? image.sizes() : at::IntArrayRef(), " are not [", rows, ", tokens, ",
            config.image_dim, "]");
    require(config.image_positions == 0 || image.size(1) == config.image_positions,
            ErrorCode::kUsage, image.defined() ? image.size(1) : 0,
            " tokens of images were given to a model that has positions for ",
            config.image_positions);
  }

  // What a layer's cross-attention looks at: of the text's tokens, or of the image's.
  std::pair<at::Tensor, at::Tensor> keys_and_values(const at::Tensor& tokens, const Product& key,
                                                    const Product& value,
                                                    const at::Tensor& norm) const {
    at::Tensor keys = key(tokens);
    rms_norm_rope_(keys, norm, nullptr);
    return {split_heads(keys, config.heads), split_heads(value(tokens), config.heads)};
  }

  // [batch, channels, frames, height, width] -> [batch, tokens, channels * 4], a token's cells
  // ordered channel, row, column.
  at::Tensor patchify(const at::Tensor& x) const {
    const std::int64_t rows = x.size(3) / kPatch;
    const std::int64_t cols = x.size(4) / kPatch;
    return x.to(device, at::kFloat)
        .reshape({x.size(0), x.size(1), x.size(2), rows, kPatch, cols, kPatch})
        .permute({0, 2, 3, 5, 1, 4, 6})
        .reshape({x.size(0), x.size(2) * rows * cols, x.size(1) * kPatchCells});
  }

  // The way back; here a token's cells are ordered row, column, channel.
  at::Tensor unpatchify(const at::Tensor& tokens, std::int64_t frames, std::int64_t height,
                        std::int64_t width) const {
    return tokens
        .view({tokens.size(0), frames, height / kPatch, width / kPatch, kPatch, kPatch,
               config.out_channels})
        .permute({0, 6, 1, 2, 4, 3, 5})
        .reshape({tokens.size(0), config.out_channels, frames, height, width});
  }

  void self_attention(const Layer& layer, at::Tensor& stream, const at::Tensor& modulation,
                      const RopeTable& table, SelfAttention& attention, AttentionSite site) const {
    const at::Tensor x = modulated(stream, modulation, 0, dtype);
    const at::Tensor qkv = layer.qkv(x);
    at::Tensor q = qkv.narrow(2, 0, config.dim);
    at::Tensor k = qkv.narrow(2, config.dim, config.dim);
    const at::Tensor v = qkv.narrow(2, 2 * config.dim, config.dim);
    rms_norm_rope_(q, layer.norm_q, &table);
    rms_norm_rope_(k, layer.norm_k, &table);
    const at::Tensor gates = modulation.select(1, 2);
    site.output_weight = [&layer] { return layer.out.values(); };
    site.gate = stream.size(0) == 1 ? &gates : nullptr;
    site.residual = &stream;
    const at::Tensor mixed =
        attention.run(split_heads(q, config.heads), split_heads(k, config.heads),
                      split_heads(v, config.heads), site);
    add_modulated_(stream, layer.out(join_heads(mixed)), gates);
  }

  void cross_attention(const Layer& layer, std::size_t index, at::Tensor& stream,
                       const WanPrompt& prompt) const {
    at::Tensor q =
        layer.cross_q(layer_norm_affine(stream, layer.cross_scale, layer.cross_shift, dtype));
    rms_norm_rope_(q, layer.cross_norm_q, nullptr);
    const std::int64_t batch = stream.size(0);
    const auto look_at = [&](const at::Tensor& keys, const at::Tensor& values) {
      return at::scaled_dot_product_attention(split_heads(q, config.heads),
                                              keys.expand({batch, -1, -1, -1}),
                                              values.expand({batch, -1, -1, -1}));
    };
    at::Tensor mixed = look_at(prompt.keys[index], prompt.values[index]);
    if (takes_image()) {
      mixed = mixed + look_at(prompt.image_keys[index], prompt.image_values[index]);
    }
    stream.add_(layer.cross_out(join_heads(mixed)));
  }

  void feed_forward(const Layer& layer, at::Tensor& stream, const at::Tensor& modulation) const {
    const at::Tensor x = modulated(stream, modulation, 3, dtype);
    add_modulated_(stream, layer.down(layer.up.gelu(x)), modulation.select(1, 5));
  }
};

WanDit::WanDit(const Weights& weights, const WanConfig& config, const WanPlace& place,
               std::span<const Lora> loras) {
  const c10::InferenceMode guard;
  settle_vector_math();
  impl_ = std::make_unique<Impl>(weights, config, place, loras);
}
WanDit::~WanDit() = default;
WanDit::WanDit(WanDit&&) noexcept = default;
WanDit& WanDit::operator=(WanDit&&) noexcept = default;

const WanConfig& WanDit::config() const { return impl_->config; }
at::ScalarType WanDit::dtype() const { return impl_->dtype; }
at::Device WanDit::device() const { return impl_->device; }
std::int64_t WanDit::resident_layers() const { return impl_->layers->resident(); }
void WanDit::release() const { impl_->layers->release(); }

WanPrompt WanDit::prepare_prompt(const at::Tensor& context, const at::Tensor& image) const {
  const c10::InferenceMode guard;
  const WanConfig& config = impl_->config;
  require(context.dim() == 3 && context.size(2) == config.text_dim && context.numel() > 0,
          ErrorCode::kUsage, "a context of shape ", context.sizes(), " is not [batch, text_len, ",
          config.text_dim, "]");
  impl_->check_image(image, context.size(0));
  const at::Tensor text =
      impl_->text_out(at::gelu(impl_->text_in(context.to(impl_->device, at::kFloat)), "tanh"))
          .to(impl_->dtype);
  const bool takes_image = impl_->takes_image();
  const at::Tensor image_tokens =
      takes_image ? impl_->image_embedding(image.to(impl_->device, at::kFloat)).to(impl_->dtype)
                  : at::Tensor();
  WanPrompt prompt;
  LayerStore::Pass pass(*impl_->layers);
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const Layer layer = impl_->layer_of(pass, i);
    const auto of_text =
        impl_->keys_and_values(text, layer.cross_k, layer.cross_v, layer.cross_norm_k);
    prompt.keys.push_back(of_text.first);
    prompt.values.push_back(of_text.second);
    if (takes_image) {
      const auto of_image =
          impl_->keys_and_values(image_tokens, layer.image_k, layer.image_v, layer.image_norm_k);
      prompt.image_keys.push_back(of_image.first);
      prompt.image_values.push_back(of_image.second);
    }
  }
  return prompt;
}

at::Tensor WanDit::forward(const at::Tensor& x, const at::Tensor& timestep, const WanPrompt& prompt,
                           SelfAttention& attention, const StepInfo& step) const {
  const c10::InferenceMode guard;
  const Impl& impl = *impl_;
  impl.check_input(x, timestep, prompt);
  const std::int64_t frames = x.size(2);
  const RopeTable table = impl.rope_for(frames, x.size(3) / kPatch, x.size(4) / kPatch);
  const TokenLayout layout{.frames = static_cast<std::int32_t>(frames),
                           .rows = static_cast<std::int32_t>(x.size(3) / kPatch),
                           .cols = static_cast<std::int32_t>(x.size(4) / kPatch)};
  const std::int64_t dim = impl.config.dim;

  // Without waiting for the device, which may still compute the forward before.
  const at::Tensor waves =
      time_waves(timestep, impl.config.frequencies).to(impl.device, at::kFloat, true);
  const at::Tensor time = impl.time_out(at::silu(impl.time_in(waves)));
  const at::Tensor time_six = impl.time_projection(at::silu(time)).view({-1, 6, dim});

  at::Tensor stream = impl.patch(impl.patchify(x));
  LayerStore::Pass pass(*impl.layers);
  for (std::int64_t i = 0; i < impl.config.layers; ++i) {
    if (step.stop.stop_requested()) {
      throw Cancelled();
    }
    const Layer layer = impl.layer_of(pass, i);
    const at::Tensor modulation = layer.modulation + time_six;
    AttentionSite site;
    site.layout = &layout;
    site.expert = step.expert;
    site.layer = static_cast<std::int32_t>(i);
    site.t = step.t;
    impl.self_attention(layer, stream, modulation, table, attention, site);
    impl.cross_attention(layer, static_cast<std::size_t>(i), stream, prompt);
    impl.feed_forward(layer, stream, modulation);
  }
  const at::Tensor modulation = impl.head_modulation + time.unsqueeze(1);
  const at::Tensor normed = modulated(stream, modulation, 0, at::kFloat);
  return impl.unpatchify(impl.head(normed), frames, x.size(3), x.size(4));
}

at::Tensor WanDit::forward(const at::Tensor& x, const at::Tensor& timestep,
                           const at::Tensor& context, SelfAttention& attention,
                           const StepInfo& step) const {
  return forward(x, timestep, prepare_prompt(context), attention, step);
}

}  // namespace twill::engine
