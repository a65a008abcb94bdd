#include "model_metadata.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "errors.h"
#include "file_hash.h"

namespace {

using nlohmann::json;

// A key that this program does not know may change what a number means, so it is not passed over.
void check_keys(const json& object, const std::string& where, const std::set<std::string>& known) {
  for (const auto& [key, value] : object.items())
    if (known.count(key) == 0)
      throw UserError("unknown key '" + key + "' in " + where + ": the model metadata are of another version than this program");
}

void expect(const json& object, const std::string& where, const std::string& key, const json& wanted) {
  if (object.at(key) != wanted)
    throw UserError("'" + key + "' of " + where + " is " + object.at(key).dump() + ", and only " + wanted.dump() +
                    " is known here");
}

TensorSpec tensor(const json& object) {
  return {object.at("name").get<std::string>(), object.at("shape").get<std::vector<std::int64_t>>()};
}

void read_input(const json& input, ModelMetadata* metadata) {
  check_keys(input, "input", {"name", "shape", "dtype", "layout", "colour", "range"});
  expect(input, "input", "dtype", "float32");
  expect(input, "input", "layout", "NCHW");
  expect(input, "input", "colour", "RGB");
  expect(input, "input", "range", {0, 255});
  metadata->input = tensor(input);
  const auto& shape = metadata->input.shape;
  if (shape.size() != 4 || shape[0] < 1 || shape[1] != 3 || shape[2] < 1 || shape[3] < 1)
    throw UserError("the shape of the input must be [batch, 3, height, width], not " + input.at("shape").dump());
}

void read_resize(const json& resize, ModelMetadata* metadata) {
  check_keys(resize, "resize", {"keep_ratio", "sides", "interpolation", "pad_value", "pad", "rule"});
  expect(resize, "resize", "interpolation", "linear");
  expect(resize, "resize", "pad_value", 0);
  expect(resize, "resize", "pad", "right and bottom");
  metadata->resize.keep_ratio = resize.at("keep_ratio").get<bool>();
  if (!resize.at("sides").is_null()) metadata->resize.sides = resize.at("sides").get<std::array<int, 2>>();
}

void read_outputs(const json& outputs, ModelMetadata* metadata) {
  const std::vector<std::string> first = {"boxes", "scores", "labels", "valid"};
  for (const auto& output : outputs) metadata->outputs.push_back(tensor(output));
  for (std::size_t i = 0; i < first.size(); ++i)
    if (i >= metadata->outputs.size() || metadata->outputs[i].name != first[i])
      throw UserError("the outputs must begin with boxes, scores, labels, valid, not " + outputs.dump());
}

// The key "masks" says how to use the output of that name: one without the other says nothing.
void read_masks(const json& file, ModelMetadata* metadata) {
  const auto place = metadata->place_of("masks");
  if (!file.contains("masks")) {
    if (place) throw UserError("there is an output masks, but no key 'masks' that says how to use it");
    return;
  }
  if (!place) throw UserError("there is a key 'masks', but no output of that name");
  const auto& masks = file.at("masks");
  check_keys(masks, "masks", {"threshold", "pasting", "rule"});
  const auto pasting = masks.at("pasting").get<std::string>();
  if (pasting != "exact" && pasting != "torchvision")
    throw UserError("'pasting' of masks is '" + pasting + "', and only exact and torchvision are known here");
  metadata->masks = {masks.at("threshold").get<double>(), pasting == "exact" ? Pasting::kExact : Pasting::kTorchvision};
  const auto& shape = metadata->outputs[*place].shape;
  const auto& scores = metadata->outputs[1].shape;
  if (scores.size() != 2 || shape.size() != 4 || shape[0] != scores[0] || shape[1] != scores[1] || shape[2] < 1 ||
      shape[2] != shape[3])
    throw UserError("the shape of the output masks must be [batch, detections, M, M], not " +
                    file.at("outputs")[*place].at("shape").dump());
}

void read_classes(const json& classes, ModelMetadata* metadata) {
  for (const auto& item : classes)
    metadata->classes.push_back({item.at("id").get<std::int64_t>(), item.at("name").get<std::string>()});
  if (metadata->classes.empty()) throw UserError("there are no classes");
}

ModelMetadata read(const json& file, const std::filesystem::path& model) {
  check_keys(file, "the model metadata",
             {"format", "file", "sha256", "system", "input", "resize", "outputs", "masks", "classes", "checkpoint"});
  if (file.at("sha256") != file_hash(model))
    throw UserError("it describes another file than " + model.string() + " (their SHA-256 differ): copy or export both again");
  ModelMetadata metadata;
  read_input(file.at("input"), &metadata);
  read_resize(file.at("resize"), &metadata);
  read_outputs(file.at("outputs"), &metadata);
  read_masks(file, &metadata);
  read_classes(file.at("classes"), &metadata);
  return metadata;
}

}  // namespace

std::optional<std::size_t> ModelMetadata::place_of(const std::string& output) const {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].name == output) return i;
  return std::nullopt;
}

ModelMetadata read_model_metadata(const std::filesystem::path& model) {
  if (!std::filesystem::is_regular_file(model)) throw UserError(model.string() + ": there is no such model");
  auto path = model;
  path.replace_extension(".json");
  std::ifstream stream(path);
  if (!stream) throw UserError(path.string() + ": cannot be read; export.py writes it beside the model, keep them together");
  try {
    ModelMetadata metadata = read(json::parse(stream), model);
    metadata.path = path;
    return metadata;
  } catch (const std::exception& error) {
    throw UserError(path.string() + ": " + error.what());
  }
}
