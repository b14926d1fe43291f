// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/weights.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <ostream>
#include <random>

#include "engine_support.h"
#include "safetensors_header.h"

namespace twill::engine {
namespace {

using testing::deep_json;
using testing::TempDir;

std::string file_bytes(const std::string& header, std::size_t data_bytes) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  }
  return bytes + header + std::string(data_bytes, '\1');
}

void write_bytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

at::Tensor one() { return at::ones({1}); }

TEST(Weights, AllStoredTypesComeBack) {
  const TempDir folder;
  const std::map<std::string, at::Tensor> tensors{
      {"f32", at::randn({3, 4})},
      {"f16", at::randn({5}).to(at::kHalf)},
      {"bf16", at::randn({2, 2}).to(at::kBFloat16)},
      {"f64", at::randn({1, 7}).to(at::kDouble)},
      {"i64", at::arange(6).view({2, 3})},
      {"u8", at::arange(11).to(at::kByte)},
      {"bool", at::ones({3}, at::kBool)},
      {"scalar", at::tensor(2.5f)},
      {"empty", at::zeros({0, 4})},
  };
  write_safetensors(folder / "a.safetensors", tensors, {{"key", "value"}});
  const Weights weights = Weights::open(folder / "a.safetensors");
  EXPECT_EQ(weights.metadata().at("key"), "value");
  EXPECT_EQ(weights.names().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(weights.get(name).equal(tensor)) << name;
    EXPECT_EQ(weights.dtype(name), tensor.scalar_type()) << name;
  }
  EXPECT_EQ(weights.get("f16", {5}, at::kFloat).scalar_type(), at::kFloat);
}

TEST(Weights, ATensorOutlivesItsReader) {
  const TempDir folder;
  const at::Tensor written = at::randn({1000});
  at::Tensor read;
  { read = testing::saved(folder / "a.safetensors", {{"x", written}}).get("x"); }
  EXPECT_TRUE(read.equal(written));
}

TEST(Weights, AStopIsLookedAtBeforeEachCopy) {
  const TempDir folder;
  Weights weights = testing::saved(folder / "a.safetensors", {{"x", at::ones({2, 3})}});
  std::stop_source stop;
  weights.set_stop(stop.get_token());
  EXPECT_TRUE(at::equal(weights.get("x", {2, 3}, at::kFloat), at::ones({2, 3})));
  stop.request_stop();
  EXPECT_THROW(weights.get("x", {2, 3}, at::kFloat), Cancelled);
}

TEST(Weights, DataAtAnOddAddressIsCopied) {
  const TempDir folder;
  const std::string header = R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("x":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  std::string bytes = file_bytes(header, 1);
  const float value = 2.5f;
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  write_bytes(folder / "a.safetensors", bytes);
  EXPECT_EQ(Weights::open(folder / "a.safetensors").get("x").item<float>(), value);
}

TEST(Weights, KnownPrefixesAreDropped) {
  const TempDir folder;
  const Weights weights =
      testing::saved(folder / "a.safetensors", {{"model.diffusion_model.a", at::ones(1)},
                                                {"diffusion_model.b", at::ones(1)},
                                                {"model.c", at::ones(1)}});
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b", "c"}));
}

// What was read may be dropped; what was not is named, as it stands in the file.
TEST(Weights, TensorsThatNothingAskedForAreNamed) {
  const TempDir folder;
  const auto why = [&](const char* extra) {
    const Weights weights =
        testing::saved(folder / "a.safetensors", {{"a", at::ones(1)}, {extra, at::ones(1)}});
    weights.get("a", {1}, at::kFloat);
    weights.check_all_used("a test");
  };
  EXPECT_ERROR(why("blocks.0.new.weight"),
               "a.safetensors: tensor blocks.0.new.weight is not known: a test does not have it, "
               "and it may change what the model is");
  for (const char* part :
       {"x.lora_A.weight", "x.lora_down.weight", "x.alpha", "x.diff", "x.diff_b", "lora_unet_x.up",
        "x.dora_scale", "x.set_weight", "x.hada_w1_a", "x.lokr_w1"}) {
    const std::string name = std::string("diffusion_model.") + part;
    EXPECT_ERROR(why(name.c_str()), concat("a.safetensors: tensor ", name,
                                           " is of a LoRA that was not merged into the model"));
  }
}

TEST(Weights, TheNumberOfUnknownTensorsIsTold) {
  const TempDir folder;
  const Weights two = testing::saved(folder / "a.safetensors", {{"a", one()}, {"b", one()}});
  EXPECT_ERROR(two.check_all_used("a test"), "tensor a (and 1 more) is not known");
  const Weights three =
      testing::saved(folder / "b.safetensors", {{"a", one()}, {"b", one()}, {"c", one()}});
  EXPECT_ERROR(three.check_all_used("a test"), "tensor a (and 2 more) is not known");
  three.get("a");
  three.get("b", {1}, at::kHalf);
  three.get("c");
  EXPECT_NO_THROW(three.check_all_used("a test"));
}

TEST(Weights, TensorsThatChangeNothingAreAllowed) {
  const TempDir folder;
  testing::saved(folder / "a.safetensors",
                 {{"logit_scale", one()}, {"zz.padding", at::zeros({3}, at::kHalf)}})
      .check_all_used("a test");
  EXPECT_ERROR(testing::saved(folder / "b.safetensors", {{"zz.padding", at::full({3}, 0.5)}})
                   .check_all_used("a test"),
               "tensor zz.padding is not known");
}

// As ComfyUI's node CheckpointSave names them.
TEST(Weights, PartsOfAWholeFileAreToldApart) {
  const TempDir folder;
  const std::filesystem::path file = folder / "whole.safetensors";
  testing::saved(file, {{"model.diffusion_model.head.bias", one()},
                        {"vae.conv1.bias", one()},
                        {"text_encoders.umt5xxl.transformer.shared.weight", one()},
                        {"text_encoders.umt5xxl.logit_scale", one()},
                        {"text_encoders.spiece_model", one()}});
  using Names = std::vector<std::string>;
  const auto names_of = [&](WeightPart part) { return Weights::open(file, part).names(); };
  EXPECT_EQ(names_of(WeightPart::kNetwork), Names{"head.bias"});
  EXPECT_EQ(names_of(WeightPart::kVae), Names{"conv1.bias"});
  EXPECT_EQ(names_of(WeightPart::kText), (Names{"logit_scale", "shared.weight", "spiece_model"}));
  const Weights whole = Weights::open(file);
  for (const WeightPart part : {WeightPart::kNetwork, WeightPart::kVae, WeightPart::kText}) {
    EXPECT_TRUE(whole.has_part(part));
  }
}

TEST(Weights, AFileOfOneNetworkIsReadWhole) {
  const TempDir folder;
  const std::filesystem::path file = folder / "vae.safetensors";
  testing::saved(file, {{"conv1.bias", one()}});
  EXPECT_FALSE(Weights::open(file).has_part(WeightPart::kVae));
  EXPECT_FALSE(Weights::open(file).has_part(WeightPart::kText));
  for (const WeightPart part : {WeightPart::kNetwork, WeightPart::kVae, WeightPart::kText}) {
    EXPECT_TRUE(Weights::open(file, part).contains("conv1.bias"));
  }
}

TEST(Weights, OfAPartNothingIsLostSilently) {
  const TempDir folder;
  const std::filesystem::path file = folder / "whole.safetensors";
  testing::saved(file, {{"head.bias", one()},
                        {"first_stage_model.conv1.bias", one()},
                        {"text_encoders.umt5xxl.transformer.gate", one()}});
  EXPECT_ERROR(Weights::open(file, WeightPart::kVae).check_all_used("a VAE"),
               "whole.safetensors: tensor conv1.bias is not known: a VAE does not have it");
  EXPECT_ERROR(Weights::open(file, WeightPart::kText).check_all_used("a text side"),
               "whole.safetensors: tensor gate is not known");
  const Weights network = Weights::open(file, WeightPart::kNetwork);
  network.get("head.bias");
  EXPECT_NO_THROW(network.check_all_used("a network"));
  testing::saved(file, {{"first_stage_model.conv1.bias", one()}, {"vae.conv1.bias", one()}});
  EXPECT_ERROR(Weights::open(file, WeightPart::kVae),
               "whole.safetensors: tensor conv1.bias is there twice");
}

// The marker of scaled fp8 speaks of the part that it stands in.
TEST(Weights, PartsAreScaledByThemselves) {
  const TempDir folder;
  const std::filesystem::path file = folder / "whole.safetensors";
  const at::Tensor eight = at::full({2, 2}, 3.0).to(at::kFloat8_e4m3fn);
  testing::saved(file, {{"model.diffusion_model.a.weight", at::full({2, 2}, 2.0)},
                        {"text_encoders.umt5xxl.transformer.a.weight", eight},
                        {"text_encoders.umt5xxl.transformer.a.scale_weight", at::full({1}, 0.5)},
                        {"text_encoders.umt5xxl.transformer.scaled_fp8", eight[0]}});
  const Weights text = Weights::open(file, WeightPart::kText);
  EXPECT_EQ(text.get("a.weight", {2, 2}, at::kFloat)[1][1].item<float>(), 1.5F);
  EXPECT_NO_THROW(text.check_all_used("a text side"));
  EXPECT_EQ(Weights::open(file, WeightPart::kNetwork)
                .get("a.weight", {2, 2}, at::kFloat)[0][0]
                .item<float>(),
            2.0F);
}

TEST(Weights, HeadersAloneGiveTensorsWithoutBytes) {
  const TempDir folder;
  Weights weights = testing::saved(folder / "a.safetensors", {{"x", at::ones({2, 3})}});
  weights.set_headers_only();
  const at::Tensor read = weights.get("x", {2, 3}, at::kHalf);
  EXPECT_TRUE(read.is_meta());
  EXPECT_EQ(read.scalar_type(), at::kHalf);
  EXPECT_EQ(read.sizes(), (at::IntArrayRef{2, 3}));
  EXPECT_ERROR(weights.get("x", {3, 2}, at::kHalf), "tensor x has shape [2, 3], not [3, 2]");
  weights.check_all_used("a test");
}

// A copy under way, a tool that syncs: reading memory that is gone would be a signal.
TEST(Weights, AFileThatShrinksIsNamed) {
  const TempDir folder;
  const std::filesystem::path file = folder / "a.safetensors";
  const Weights weights =
      testing::saved(file, {{"x", at::ones(100'000)}, {"y", at::ones(100'000)}});
  std::filesystem::resize_file(file, 500'000);
  EXPECT_EQ(weights.get("x", {100'000}, at::kFloat).sum().item<double>(), 100'000.0);
  EXPECT_ERROR(weights.get("y", {100'000}, at::kFloat),
               "a.safetensors: ended at byte 500000 while it was read, but had 800");
  EXPECT_ERROR(weights.get("y"), "is it being copied or written?");
}

TEST(Weights, AFileThatIsWrittenToMeanwhileIsNamed) {
  const TempDir folder;
  const std::filesystem::path file = folder / "a.safetensors";
  const Weights weights = testing::saved(file, {{"x", one()}});
  weights.get("x");
  EXPECT_NO_THROW(weights.check_all_used("a test"));
  std::ofstream(file, std::ios::binary | std::ios::app) << "more";
  EXPECT_ERROR(weights.check_all_used("a test"),
               "when it was opened; is it being copied or written?");
  const Weights again = testing::saved(folder / "b.safetensors", {{"x", one()}});
  again.get("x");
  std::filesystem::last_write_time(folder / "b.safetensors", {});
  EXPECT_ERROR(again.check_all_used("a test"), "b.safetensors: was written to while it was read");
}

TEST(Weights, OneNameUnderTwoPrefixesIsRefused) {
  const TempDir folder;
  EXPECT_ERROR(
      testing::saved(folder / "a.safetensors", {{"model.a", at::ones(1)}, {"a", at::ones(1)}}),
      "tensor a is there twice");
}

TEST(Weights, WrongUseNamesTensorAndValue) {
  const TempDir folder;
  const Weights weights =
      testing::saved(folder / "a.safetensors", {{"x", at::ones({2, 3})}, {"n", at::arange(3)}});
  EXPECT_ERROR(weights.get("y"), "a.safetensors: tensor y is missing");
  EXPECT_ERROR(weights.get("x", {3, 2}, at::kFloat), "tensor x has shape [2, 3], not [3, 2]");
  EXPECT_ERROR(weights.get("n", {3}, at::kFloat),
               "tensor n has dtype I64, not a floating-point one");
}

TEST(Weights, ShardsAreFoundThroughTheIndex) {
  const TempDir folder;
  write_safetensors(folder / "m-1.safetensors", {{"a", at::ones(1)}});
  write_safetensors(folder / "m-2.safetensors", {{"b", at::zeros(2)}});
  write_bytes(folder / "m.safetensors.index.json",
              R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}})");
  const Weights weights = Weights::open(folder / "m.safetensors.index.json");
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Weights::open({folder / "m-1.safetensors", folder / "m-2.safetensors"}).names(),
            weights.names());
  EXPECT_ERROR(Weights::open({folder / "m-1.safetensors", folder / "m-1.safetensors"}),
               "tensor a is there twice");
}

TEST(Weights, AShardThatHoldsLessThanTheIndexSaysIsNamed) {
  const TempDir folder;
  write_safetensors(folder / "m-1.safetensors", {{"a", at::ones(1)}});
  write_safetensors(folder / "m-2.safetensors", {{"b", at::zeros(2)}});
  const std::filesystem::path index = folder / "m.safetensors.index.json";
  write_bytes(
      index,
      R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-2.safetensors"}})");
  EXPECT_ERROR(Weights::open(index),
               "m.safetensors.index.json: weight_map says that tensor c is in "
               "m-2.safetensors, but it is not");
  write_bytes(index, R"({"weight_map":{"a":"m-2.safetensors","b":"m-2.safetensors"}})");
  EXPECT_ERROR(Weights::open(index), "tensor a is in m-2.safetensors, but it is not");
  EXPECT_EQ(weight_files(index),
            (std::vector<std::filesystem::path>{folder / "m-2.safetensors", index}));
}

struct Foreign {
  const char* why;
  std::string bytes;
  const char* part;
};
void PrintTo(const Foreign& foreign, std::ostream* out) { *out << foreign.why; }
class WeightsForeign : public ::testing::TestWithParam<Foreign> {};
TEST_P(WeightsForeign, IsToldForWhatItIs) {
  const TempDir folder;
  const auto& [why, bytes, part] = GetParam();
  // As large as they come, and cut off early.
  for (const std::size_t size : {bytes.size(), std::size_t{4096}}) {
    std::string file = bytes;
    file.resize(std::max(size, bytes.size()), bytes.back());
    write_bytes(folder / "a.safetensors", file);
    EXPECT_ERROR(Weights::open(folder / "a.safetensors"), std::string("a.safetensors: is ") + part);
  }
}
using namespace std::string_literals;
INSTANTIATE_TEST_SUITE_P(
    Files, WeightsForeign,
    ::testing::Values(
        Foreign{"lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                "a Git LFS pointer, not the file itself; fetch the file with git lfs pull"},
        Foreign{"zip", "PK\3\4\0\0\0\0\0\0"s, "a zip archive, most likely a pickle of torch.save"},
        Foreign{"old_torch_pickle", "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20"s,
                "a pickle of torch.save"},
        Foreign{"plain_pickle", "\x80\x04\x95\x10\0\0\0\0\0\0\0"s, "a pickle of torch.save"},
        Foreign{"web_page", "<!DOCTYPE html><html><body>Not found</body></html>", "a web page"},
        Foreign{"web_page_after_a_mark", "\xef\xbb\xbf\n <HTML><body>", "a web page"},
        Foreign{"xml", "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
                "a web page"},
        Foreign{"json", R"({"error": "Repository not found"})", "JSON text"},
        Foreign{"gzip", "\x1f\x8b\x08\0\0\0\0\3"s, "a gzip archive"},
        Foreign{"hdf5", "\x89HDF\r\n\x1a\n"s, "an HDF5 file"},
        Foreign{"not_arrived", std::string(64, '\0'),
                "zeros where its header should be; a copy or download of it has not ended"}),
    [](const auto& row) { return std::string(row.param.why); });

struct BadIndex {
  const char* why;
  std::string text;
  const char* part;
};
void PrintTo(const BadIndex& bad, std::ostream* out) { *out << bad.why; }
class WeightsBadIndex : public ::testing::TestWithParam<BadIndex> {};
TEST_P(WeightsBadIndex, IsRefused) {
  const TempDir folder;
  write_bytes(folder / "m.safetensors.index.json", GetParam().text);
  EXPECT_ERROR(Weights::open(folder / "m.safetensors.index.json"), GetParam().part);
}
INSTANTIATE_TEST_SUITE_P(
    Files, WeightsBadIndex,
    ::testing::Values(BadIndex{"not_json", "{", "index.json: line 1, column 2: not JSON"},
                      BadIndex{"deep", R"({"weight_map":)" + deep_json() + "}",
                               "index.json: nested deeper than 64"},
                      BadIndex{"utf_16", std::string("\xff\xfe{\0}\0", 6), "UTF-16"},
                      BadIndex{"no_map", "{}", "not an index with a weight_map"},
                      BadIndex{"empty_map", R"({"weight_map":{}})", "weight_map is empty"},
                      BadIndex{"number", R"({"weight_map":{"a":1}})",
                               "weight_map[\"a\"] is not text"},
                      BadIndex{"another_folder", R"({"weight_map":{"a":"../x.safetensors"}})",
                               "is not the name of a .safetensors file"},
                      BadIndex{"lfs_pointer", "version https://git-lfs.github.com/spec/v1",
                               "m.safetensors.index.json: is a Git LFS pointer"},
                      BadIndex{"missing_shard", R"({"weight_map":{"a":"x.safetensors"}})",
                               "x.safetensors: No such file"}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(Weights, MissingEmptyAndOtherFilesAreNamed) {
  const TempDir folder;
  EXPECT_ERROR(Weights::open(folder / "none.safetensors"),
               "none.safetensors: No such file or directory");
  write_bytes(folder / "empty.safetensors", "");
  EXPECT_ERROR(Weights::open(folder / "empty.safetensors"), "empty.safetensors: the file is empty");
  EXPECT_ERROR(Weights::open(folder.path()), "not a regular file");
}

TEST(Weights, ATruncatedFileIsNamed) {
  const TempDir folder;
  write_safetensors(folder / "a.safetensors", {{"first", at::ones(64)}, {"second", at::ones(64)}});
  std::filesystem::resize_file(folder / "a.safetensors",
                               std::filesystem::file_size(folder / "a.safetensors") - 1);
  EXPECT_ERROR(Weights::open(folder / "a.safetensors"),
               "tensor \"second\" ends at byte 512 of the data");
}

TEST(Weights, AFailedWriteSaysSoAndLeavesNothing) {
  const TempDir folder;
  EXPECT_ERROR(write_safetensors(folder / "none/a.safetensors", {{"x", at::ones(1)}}),
               "a.safetensors: cannot be written: No such file or directory");
  std::filesystem::create_directory(folder / "taken.safetensors");
  EXPECT_ERROR(write_safetensors(folder / "taken.safetensors", {{"x", at::ones(1)}}),
               "cannot be written");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(SafetensorsHeader, ALengthOfTwoGigabytesTakesNoMemory) {
  std::string bytes = file_bytes("{}", 0);
  const std::uint64_t length = std::uint64_t{2} << 30;
  std::memcpy(bytes.data(), &length, sizeof(length));
  EXPECT_ERROR(read_safetensors_header(bytes, "a"),
               "a: a header of 2147483648 bytes is over the limit of 100000000");
}

struct BadHeader {
  const char* why;
  std::string header;
  const char* part;
  std::size_t data_bytes = 8;
};
void PrintTo(const BadHeader& bad, std::ostream* out) { *out << bad.why; }
class SafetensorsBadHeader : public ::testing::TestWithParam<BadHeader> {};
TEST_P(SafetensorsBadHeader, IsRefused) {
  EXPECT_ERROR(
      read_safetensors_header(file_bytes(GetParam().header, GetParam().data_bytes), "file"),
      std::string("file: ") + GetParam().part);
}

std::string tensor(const std::string& fields) { return "{\"x\":{" + fields + "}}"; }
std::string with_offsets(const std::string& offsets) {
  return tensor(R"("dtype":"F32","shape":[2],"data_offsets":)" + offsets);
}
std::string with_shape(const std::string& shape) {
  return tensor(R"("dtype":"F32","data_offsets":[0,8],"shape":)" + shape);
}

INSTANTIATE_TEST_SUITE_P(
    Headers, SafetensorsBadHeader,
    ::testing::Values(
        BadHeader{"empty", "", "the header is not a JSON object"},
        BadHeader{"list", "[]", "the header is not a JSON object"},
        BadHeader{"cut", R"({"x":{)", "the header is not JSON at byte"},
        BadHeader{"more_behind", "{}{}", "the header is not JSON at byte"},
        BadHeader{"tensor_is_a_number", R"({"x":1})", "entry \"x\" is the number 1"},
        BadHeader{"tensor_is_a_list", R"({"x":[]})", "entry \"x\" is an array"},
        BadHeader{"deep", tensor(R"("shape":{"a":{"b":{}}})"),
                  "tensor \"x\": \"shape\" is an object"},
        BadHeader{"deep_list", with_shape("[[2]]"), "tensor \"x\": \"shape\" is an array"},
        BadHeader{"unknown_dtype", tensor(R"("dtype":"F33")"),
                  "tensor \"x\": unknown dtype \"F33\""},
        BadHeader{"unknown_field", tensor(R"("colour":"red")"),
                  "tensor \"x\": unknown field \"colour\""},
        BadHeader{"no_shape", tensor(R"("dtype":"F32","data_offsets":[0,8])"),
                  "tensor \"x\" has no shape"},
        BadHeader{"one_offset", with_offsets("[0]"),
                  "tensor \"x\": data_offsets has 1 numbers, not 2"},
        BadHeader{"three_offsets", with_offsets("[0,8,9]"),
                  "tensor \"x\": \"data_offsets\" has more than 2 numbers"},
        BadHeader{"negative_offset", with_offsets("[-8,0]"),
                  "tensor \"x\": \"data_offsets\" is -8"},
        BadHeader{"broken_offset", with_offsets("[0,8.5]"),
                  "tensor \"x\": \"data_offsets\" is 8.5"},
        BadHeader{"reversed", with_offsets("[8,0]"), "tensor \"x\" begins at byte 8 and ends at 0"},
        BadHeader{"beyond_the_file", with_offsets("[4,12]"),
                  "tensor \"x\" ends at byte 12 of the data, but the file has 8"},
        BadHeader{"wrong_size", with_offsets("[0,4]"),
                  "tensor \"x\" of dtype F32 and shape [2] takes 4 bytes, not 8"},
        BadHeader{"overflow", with_shape("[4294967296,4294967296]"),
                  "tensor \"x\" of dtype F32 and shape [4294967296, 4294967296] takes 8 bytes, not "
                  "more than 2^64"},
        BadHeader{"size_over_63_bits", with_shape("[9223372036854775808]"),
                  "tensor \"x\": \"shape\": 9223372036854775808 is too large"},
        BadHeader{"nine_axes", with_shape("[1,1,1,1,1,1,1,1,2]"),
                  "tensor \"x\": \"shape\" has more than 8 axes"},
        BadHeader{"number_in_metadata", R"({"__metadata__":{"a":1}})",
                  "\"__metadata__\": \"a\" is the number 1"},
        BadHeader{
            "same_tensor_twice",
            R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            "tensor \"x\" stands in the header twice"},
        BadHeader{"same_field_twice", tensor(R"("dtype":"U8","dtype":"F32")"),
                  "tensor \"x\": \"dtype\" stands there twice"},
        BadHeader{
            "overlap",
            R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"y":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})",
            "tensors \"x\" and \"y\" overlap at byte 3"}),
    [](const auto& row) { return std::string(row.param.why); });

// Whatever the bytes, reading ends in tensors that lie inside the file or in one error that names
// it.
TEST(SafetensorsHeader, SurvivesMutations) {
  const TempDir folder;
  write_safetensors(folder / "a.safetensors",
                    {{"a.weight", at::ones({2, 3})}, {"b", at::ones(4).to(at::kHalf)}},
                    {{"config", R"({"heads": 4})"}});
  std::ifstream stream(folder / "a.safetensors", std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(stream)), {});
  const std::string alphabet = "{}[]\",:0123456789-.eE\\ntufFIUB\x80\xff";
  std::mt19937 random(20260601);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  int read = 0;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (std::size_t i = 1 + below(4); i > 0; --i) {
      const std::size_t place = below(bytes.size());
      switch (below(5)) {
        case 0:
          bytes[place] = alphabet[below(alphabet.size())];
          break;
        case 1:
          bytes.erase(place, 1 + below(8));
          break;
        case 2:
          bytes.insert(place, bytes.substr(below(bytes.size()), below(12)));
          break;
        case 3:
          bytes[below(8)] = static_cast<char>(below(256));  // the length
          break;
        default:
          bytes.resize(1 + below(bytes.size()));
      }
      if (bytes.empty()) {
        break;
      }
    }
    try {
      const SafetensorsHeader header = read_safetensors_header(bytes, "mutated");
      ++read;
      for (const auto& [name, entry] : header.tensors) {
        ASSERT_LE(entry.begin, entry.end);
        ASSERT_LE(header.data_begin + entry.end, bytes.size());
        std::uint64_t count = entry.end - entry.begin;
        for (const std::int64_t size : entry.shape) {
          ASSERT_TRUE(size > 0 || count == 0);
          count = size > 0 ? count / static_cast<std::uint64_t>(size) : count;
        }
      }
    } catch (const Error& error) {
      ++refused;
      ASSERT_TRUE(std::string_view(error.what()).starts_with("mutated: ")) << error.what();
      ASSERT_LT(std::string_view(error.what()).size(), 600U) << error.what();
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace twill::engine
