// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Who loads the networks of a model folder: one line for each folder beside this file.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "twill/engine/image_encoder.h"
#include "twill/engine/lora.h"
#include "twill/engine/memory_plan.h"
#include "twill/engine/model_description.h"
#include "twill/engine/network.h"
#include "twill/engine/tae_decoder.h"
#include "twill/engine/text_encoder.h"
#include "twill/engine/vae.h"
#include "twill/engine/weights.h"
#include "twill/plan/model_files.h"

namespace twill::engine {

// The parts of a model, still apart.
struct Parts {
  std::vector<std::unique_ptr<VideoNetwork>> experts;
  std::unique_ptr<Vae> vae;
  std::unique_ptr<TextEncoder> text;
  std::unique_ptr<ImageEncoder> image;  // null where the networks take no tokens of pictures
  at::Tensor latent_colours;            // for previews, see latent_preview.h
};

struct PartsRequest {
  std::filesystem::path folder;  // of the model, or that its checkpoint lies in
  const ModelDescription& description;
  std::function<Weights(const std::filesystem::path&, WeightPart)> open;
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  bool fp8_products = false;  // of a network's layers
  // The LoRAs that an expert gets, and what is to be done with them once they fit: before any
  // network is read.
  std::function<std::vector<LoraChoice>(std::size_t expert)> loras_of;
  std::function<void(std::vector<Lora>&)> prepare;
  // Of a clip, for what a forward and the VAE take: tokens of self-attention, and its latents;
  // zeros where memory is not limited.
  std::int64_t tokens = 0;
  LatentGrid cells;
  // What the layers of a network may take; empty: all stay on the device.
  std::function<std::optional<LayerLimits>(const NetworkMemory&)> limits;
};

struct Architecture {
  std::string_view name;  // as presets/models.json has it
  // Compares the parts before it reads any of them. Throws as load_model() does.
  Parts (*load)(const PartsRequest& request);
  std::unique_ptr<TextEncoder> (*load_text)(const ModelDescription& description);
  // The model that a checkpoint of its network and the files around it make. Throws as
  // describe_model().
  ModelDescription (*describe)(const ModelFiles& model);
  // A tiny autoencoder of the family's latents; null where there is no file of one. Throws
  // Error(kFile) naming it.
  std::unique_ptr<TaeDecoder> (*load_tae)(const ModelFiles& model, std::int64_t channels,
                                          at::ScalarType dtype, at::Device device);
  // "a Wan transformer of 30 x 12 heads". Throws Error where the weights are of no such network.
  std::string (*recognise)(Weights weights);
};

std::span<const Architecture> architectures();

// wan/load_wan.cpp
Parts load_wan(const PartsRequest& request);
std::unique_ptr<TextEncoder> load_wan_text(const ModelDescription& description);
std::string recognise_wan(Weights weights);
// wan/wan_checkpoint.cpp
ModelDescription describe_wan_checkpoint(const ModelFiles& model);
// wan/wan_tae.cpp
std::unique_ptr<TaeDecoder> load_wan_tae(const ModelFiles& model, std::int64_t channels,
                                         at::ScalarType dtype, at::Device device);

}  // namespace twill::engine
