#include "detections.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "errors.h"

namespace {

enum Order { kBoxes, kScores, kLabels, kValid };  // of the outputs, which read_model_metadata has checked

constexpr double kRounding = 1e-4;  // by which a score may be below 0 or above 1

// False for NaN, too.
bool is_probability(double value) { return value >= -kRounding && value <= 1 + kRounding; }

[[noreturn]] void refuse(const std::string& what) {
  throw UserError("the model gives " + what + ": its weights are broken, or this runtime computes it wrongly; compare with " +
                  "eval.py --model");
}

double value(const Output& output, std::size_t at) {
  switch (output.type) {
    case ElementType::kFloat32: return static_cast<const float*>(output.data)[at];
    case ElementType::kInt32: return static_cast<const std::int32_t*>(output.data)[at];
    case ElementType::kInt64: return static_cast<double>(static_cast<const std::int64_t*>(output.data)[at]);
    case ElementType::kBool: return static_cast<const unsigned char*>(output.data)[at];
  }
  throw std::logic_error("unknown element type of an output");
}

// In pixels of the original picture, not clipped to it.
Box box_at(const Output& boxes, std::size_t at, const Scale& scale) {
  return {value(boxes, 4 * at) / scale.x, value(boxes, 4 * at + 1) / scale.y, value(boxes, 4 * at + 2) / scale.x,
          value(boxes, 4 * at + 3) / scale.y};
}

double clipped(double edge, int side) { return std::clamp(edge, 0.0, static_cast<double>(side)); }

// `box` is not clipped to the picture, because the cells divide the whole box that the network predicts.
SoftMask mask_at(const Output& masks, std::size_t at, const Box& box, const MaskRule& rule) {
  const auto side = static_cast<std::size_t>(masks.shape[3]);
  const float* cells = static_cast<const float*>(masks.data) + at * side * side;
  for (std::size_t i = 0; i < side * side; ++i)
    if (!is_probability(cells[i])) refuse("a mask with a cell of " + std::to_string(cells[i]));
  return {box, static_cast<int>(side), rule, {cells, cells + side * side}};
}

// The class of a valid detection; the checks are those of src/exporting/outputs.py.
int checked_label(double label, std::size_t class_count) {
  if (label >= 1 && label <= static_cast<double>(class_count)) return static_cast<int>(label);
  throw UserError("the model found class " + std::to_string(static_cast<std::int64_t>(label)) +
                  ", but its metadata have classes 1 to " + std::to_string(class_count));
}

double checked_score(double score) {
  if (!is_probability(score)) refuse("a score of " + std::to_string(score));
  return score;
}

Box checked_box(const Box& box) {
  for (const double corner : {box.x1, box.y1, box.x2, box.y2})
    if (!std::isfinite(corner)) refuse("a box with the corner " + std::to_string(corner));
  return box;
}

bool fits(const Output& output, const TensorSpec& spec) {
  switch (output.type) {
    case ElementType::kFloat32: return spec.dtype == "float32";
    case ElementType::kInt32:
    case ElementType::kInt64: return spec.dtype == "int32";
    case ElementType::kBool: return spec.dtype == "bool";
  }
  return false;
}

std::size_t bytes_of(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
    case ElementType::kInt32: return 4;
    case ElementType::kInt64: return 8;
    case ElementType::kBool: return 1;
  }
  return 8;
}

std::size_t expected_bytes(const Output& output) {
  std::size_t count = bytes_of(output.type);
  for (const auto side : output.shape) count *= static_cast<std::size_t>(side);
  return count;
}

}  // namespace

void check_outputs(const std::vector<Output>& outputs, const ModelMetadata& metadata) {
  if (outputs.size() != metadata.outputs.size())
    throw UserError("the model has " + std::to_string(outputs.size()) + " outputs, but " + metadata.path.string() + " names " +
                    std::to_string(metadata.outputs.size()));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& spec = metadata.outputs[i];
    const std::string name = "output " + spec.name + " of the model ";
    if (!outputs[i].names.empty() && outputs[i].names.count(spec.name) == 0)
      throw UserError("output " + std::to_string(i + 1) + " of the model is " + *outputs[i].names.begin() + ", but " +
                      metadata.path.string() + " says " + spec.name);
    if (outputs[i].shape != spec.shape)
      throw UserError(name + "has the shape " + text(outputs[i].shape) + ", but " + metadata.path.string() + " says " +
                      text(spec.shape));
    if (!fits(outputs[i], spec)) throw UserError(name + "is not " + spec.dtype + ", as " + metadata.path.string() + " says");
    if (outputs[i].data == nullptr || outputs[i].bytes < expected_bytes(outputs[i]))
      throw UserError(name + "has less data than its shape " + text(spec.shape) + " says");
  }
}

std::vector<Detection> in_original_pixels(const std::vector<Output>& outputs, std::size_t row, const Fitted& picture,
                                          const ModelMetadata& metadata) {
  const auto count = static_cast<std::size_t>(outputs[kScores].shape[1]);
  const auto [width, height] = picture.original;
  const auto masks = metadata.place_of("masks");
  std::vector<Detection> found;
  for (std::size_t at = row * count; at < (row + 1) * count; ++at) {
    if (value(outputs[kValid], at) == 0) continue;
    const Box box = checked_box(box_at(outputs[kBoxes], at, picture.scale));
    Detection detection = {clipped(box.x1, width),
                           clipped(box.y1, height),
                           clipped(box.x2, width),
                           clipped(box.y2, height),
                           checked_score(value(outputs[kScores], at)),
                           checked_label(value(outputs[kLabels], at), metadata.classes.size()),
                           masks ? mask_at(outputs[*masks], at, box, *metadata.masks) : SoftMask()};
    if (detection.x2 > detection.x1 && detection.y2 > detection.y1) found.push_back(std::move(detection));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return found;
}
