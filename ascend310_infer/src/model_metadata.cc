#include "model_metadata.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "errors.h"
#include "file_hash.h"
#include "json_values.h"
#include "regular_file.h"

namespace {

using nlohmann::json;

constexpr std::int64_t kMostPixels = std::int64_t{1} << 26;    // of all images of an input
constexpr std::int64_t kMostSide = std::int64_t{1} << 20;      // of a resized image, as OpenCV's of a picture
constexpr std::int64_t kMostOutputs = std::int64_t{1} << 20;   // detections of an image
constexpr std::int64_t kMostCells = std::int64_t{1} << 10;     // a side of a mask

// A key that this program does not know may change what a number means, so it is not passed over.
void check_keys(const json& object, const std::string& where, const std::set<std::string>& known) {
  if (!object.is_object()) throw UserError(where + " must be an object, not " + shown(object));
  for (const auto& [key, value] : object.items())
    if (known.count(key) == 0)
      throw UserError("unknown key '" + key + "' in " + where +
                      ": the model metadata are of another version than this program");
}

void expect(const json& object, const std::string& where, const std::string& key, const json& wanted) {
  const auto& value = member(object, where, key);
  if (value != wanted)
    throw UserError("'" + key + "' of " + where + " is " + shown(value) + ", and only " + wanted.dump() +
                    " is known here");
}

TensorSpec tensor(const json& object, const std::string& where) {
  TensorSpec spec = {text_value(member(object, where, "name"), "a name of " + where), {}, ""};
  spec.dtype = text_value(member(object, where, "dtype"), "the dtype of " + spec.name);
  for (const auto& side : array(member(object, where, "shape"), "the shape of " + spec.name))
    spec.shape.push_back(whole_number(side, "a side of the shape of " + spec.name, 1, kMostPixels));
  return spec;
}

void read_input(const json& input, ModelMetadata* metadata) {
  check_keys(input, "input", {"name", "shape", "dtype", "layout", "colour", "range"});
  expect(input, "input", "dtype", "float32");
  expect(input, "input", "layout", "NCHW");
  expect(input, "input", "colour", "RGB");
  expect(input, "input", "range", {0, 255});
  metadata->input = tensor(input, "input");
  const auto& shape = metadata->input.shape;
  if (shape.size() != 4 || shape[1] != 3)
    throw UserError("the shape of the input must be [batch, 3, height, width], not " + text(shape));
  if (shape[2] > kMostPixels / shape[0] || shape[3] > kMostPixels / (shape[0] * shape[2]))
    throw UserError("the shape of the input " + text(shape) + " has more than " + std::to_string(kMostPixels) + " pixels");
}

void read_resize(const json& resize, ModelMetadata* metadata) {
  check_keys(resize, "resize", {"keep_ratio", "sides", "interpolation", "pad_value", "pad", "rule"});
  expect(resize, "resize", "interpolation", "linear");
  expect(resize, "resize", "pad_value", 0);
  expect(resize, "resize", "pad", "right and bottom");
  metadata->resize.keep_ratio = true_or_false(member(resize, "resize", "keep_ratio"), "'keep_ratio' of resize");
  const auto& sides = member(resize, "resize", "sides");
  if (sides.is_null()) return;
  if (!sides.is_array() || sides.size() != 2) throw UserError("'sides' of resize must be two numbers, not " + shown(sides));
  if (!metadata->resize.keep_ratio) throw UserError("'sides' of resize keep the ratio, but 'keep_ratio' is false");
  const auto side = [&](std::size_t at) { return static_cast<int>(whole_number(sides[at], "a side of resize", 1, kMostSide)); };
  metadata->resize.sides = {side(0), side(1)};
}

// The rule of src/data/classes.py: C0, DEL, C1, and the separators U+2028 and U+2029. The text is valid UTF-8: the JSON reader saw to it.
bool has_control_character(const std::string& name) {
  for (std::size_t at = 0; at < name.size(); ++at) {
    const auto byte = [&](std::size_t place) { return place < name.size() ? static_cast<unsigned char>(name[place]) : 0U; };
    if (byte(at) < 0x20 || byte(at) == 0x7f) return true;
    if (byte(at) == 0xc2 && byte(at + 1) >= 0x80 && byte(at + 1) <= 0x9f) return true;
    if (byte(at) == 0xe2 && byte(at + 1) == 0x80 && (byte(at + 2) == 0xa8 || byte(at + 2) == 0xa9)) return true;
  }
  return false;
}

void read_classes(const json& classes, ModelMetadata* metadata) {
  std::set<std::int64_t> ids;
  std::set<std::string> names;
  for (const auto& item : array(classes, "classes")) {
    check_keys(item, "classes", {"id", "name"});
    metadata->classes.push_back({whole_number(member(item, "classes", "id"), "an id of classes", -kMostId, kMostId),
                                 text_value(member(item, "classes", "name"), "a name of classes")});
    const auto& last = metadata->classes.back();
    if (has_control_character(last.name))
      throw UserError("class " + shown(item.at("name")) + " has a control character, such as a tab or a line break; take it out of the name");
    if (!ids.insert(last.id).second) throw UserError("two classes have the id " + std::to_string(last.id));
    if (!names.insert(last.name).second) throw UserError("two classes have the name '" + last.name + "'");
  }
  if (metadata->classes.empty()) throw UserError("there are no classes");
}

// Numbers that are the same in several shapes; the first output that has one tells it.
struct Sides {
  std::int64_t batch, detections, probabilities, cells;
};

TensorSpec expected_output(const std::string& name, const Sides& sides) {
  if (name == "boxes") return {name, {sides.batch, sides.detections, 4}, "float32"};
  if (name == "scores") return {name, {sides.batch, sides.detections}, "float32"};
  if (name == "labels") return {name, {sides.batch, sides.detections}, "int32"};
  if (name == "valid") return {name, {sides.batch, sides.detections}, "bool"};
  if (name == "probabilities") return {name, {sides.batch, sides.detections, sides.probabilities}, "float32"};
  return {name, {sides.batch, sides.detections, sides.cells, sides.cells}, "float32"};
}

void check_names(const std::vector<TensorSpec>& outputs) {
  std::vector<std::string> names, wanted = {"boxes", "scores", "labels", "valid"};
  for (const auto& output : outputs) names.push_back(output.name);
  for (const std::string more : {"probabilities", "masks"})
    if (std::find(names.begin(), names.end(), more) != names.end()) wanted.push_back(more);
  if (names == wanted) return;
  std::string found;
  for (const auto& name : names) found += (found.empty() ? "" : ", ") + name;
  throw UserError("the outputs must be boxes, scores, labels, valid, perhaps probabilities, perhaps masks, in this order, not " + found);
}

// Reads the outputs; their shapes must be those of one batch, one number of detections and the classes.
void read_outputs(const json& outputs, ModelMetadata* metadata) {
  for (const auto& output : array(outputs, "outputs")) {
    check_keys(output, "outputs", {"name", "shape", "dtype"});
    metadata->outputs.push_back(tensor(output, "outputs"));
  }
  check_names(metadata->outputs);
  const auto side = [&](const std::string& name, std::size_t at, std::int64_t most) {
    const auto place = metadata->place_of(name);
    const bool is_there = place && metadata->outputs[*place].shape.size() > at;
    return is_there ? std::min(metadata->outputs[*place].shape[at], most) : 1;
  };
  const Sides sides = {metadata->batch(), side("scores", 1, kMostOutputs),
                       static_cast<std::int64_t>(metadata->classes.size()) + 1, side("masks", 2, kMostCells)};
  for (const auto& output : metadata->outputs) {
    const auto wanted = expected_output(output.name, sides);
    if (output.shape != wanted.shape || output.dtype != wanted.dtype)
      throw UserError("the output " + output.name + " must be " + wanted.dtype + " " + text(wanted.shape) + ", not " +
                      output.dtype + " " + text(output.shape));
  }
}

// The key "masks" says how to use the output of that name: one without the other says nothing.
void read_masks(const json& file, ModelMetadata* metadata) {
  const auto place = metadata->place_of("masks");
  if (!file.contains("masks") || file.at("masks").is_null()) {
    if (place) throw UserError("there is an output masks, but no key 'masks' that says how to use it");
    return;
  }
  if (!place) throw UserError("there is a key 'masks', but no output of that name");
  const auto& masks = file.at("masks");
  check_keys(masks, "masks", {"threshold", "pasting", "rule"});
  const auto pasting = text_value(member(masks, "masks", "pasting"), "'pasting' of masks");
  if (pasting != "exact" && pasting != "torchvision")
    throw UserError("'pasting' of masks is '" + pasting + "', and only exact and torchvision are known here");
  metadata->masks = {fraction(member(masks, "masks", "threshold"), "'threshold' of masks"),
                     pasting == "exact" ? Pasting::kExact : Pasting::kTorchvision};
}

ModelMetadata read(const json& file, const std::filesystem::path& model) {
  check_keys(file, "the model metadata",
             {"format", "file", "sha256", "system", "input", "resize", "outputs", "masks", "classes", "checkpoint"});
  const std::string whole = "the model metadata";
  if (text_value(member(file, whole, "sha256"), "'sha256'") != file_hash(model))
    throw UserError("it describes another file than " + model.string() + " (their SHA-256 differ): copy or export both again");
  ModelMetadata metadata;
  read_input(member(file, whole, "input"), &metadata);
  read_resize(member(file, whole, "resize"), &metadata);
  read_classes(member(file, whole, "classes"), &metadata);
  read_outputs(member(file, whole, "outputs"), &metadata);
  read_masks(file, &metadata);
  return metadata;
}

}  // namespace

std::optional<std::size_t> ModelMetadata::place_of(const std::string& output) const {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].name == output) return i;
  return std::nullopt;
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string result = "[";
  for (const auto side : shape) result += (result.size() > 1 ? ", " : "") + std::to_string(side);
  return result + "]";
}

ModelMetadata read_model_metadata(const std::filesystem::path& model) {
  if (!is_regular(model)) throw UserError(model.string() + ": there is no such model");
  auto path = model;
  path.replace_extension(".json");
  std::ifstream stream;
  if (is_regular(path)) stream.open(path);
  if (!stream.is_open()) throw UserError(path.string() + ": cannot be read; export.py writes it beside the model, keep them together");
  try {
    ModelMetadata metadata = read(parse(stream), model);
    metadata.path = path;
    return metadata;
  } catch (const std::exception& error) {
    throw UserError(path.string() + ": " + error.what());
  }
}
