#include "detections.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "errors.h"

namespace {

enum Order { kBoxes, kScores, kLabels, kValid };  // as the metadata were checked to say

double value(const Output& output, std::size_t at) {
  switch (output.type) {
    case ElementType::kFloat32: return static_cast<const float*>(output.data)[at];
    case ElementType::kInt32: return static_cast<const std::int32_t*>(output.data)[at];
    case ElementType::kInt64: return static_cast<double>(static_cast<const std::int64_t*>(output.data)[at]);
    case ElementType::kBool: return static_cast<const unsigned char*>(output.data)[at];
  }
  throw std::logic_error("an element type without a reader");
}

// In pixels of the picture, which it may leave.
Box box_at(const Output& boxes, std::size_t at, const Scale& scale) {
  return {value(boxes, 4 * at) / scale.x, value(boxes, 4 * at + 1) / scale.y, value(boxes, 4 * at + 2) / scale.x,
          value(boxes, 4 * at + 3) / scale.y};
}

double clipped(double edge, int side) { return std::clamp(edge, 0.0, static_cast<double>(side)); }

// The cells divide the box that the network found, not what the picture leaves of it.
SoftMask mask_at(const Output& masks, std::size_t at, const Box& box, const MaskRule& rule) {
  if (masks.type != ElementType::kFloat32) throw UserError("the output masks of the model is not float32; export it again");
  const auto side = static_cast<std::size_t>(masks.shape[3]);
  const float* cells = static_cast<const float*>(masks.data) + at * side * side;
  return {box, static_cast<int>(side), rule, {cells, cells + side * side}};
}

int checked_label(double label, std::size_t class_count) {
  if (label < 1 || label > static_cast<double>(class_count))
    throw UserError("the model found class " + std::to_string(static_cast<long>(label)) + ", but its metadata have classes 1 to " +
                    std::to_string(class_count));
  return static_cast<int>(label);
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string result = "[";
  for (const auto side : shape) result += (result.size() > 1 ? ", " : "") + std::to_string(side);
  return result + "]";
}

}  // namespace

void check_outputs(const std::vector<Output>& outputs, const ModelMetadata& metadata) {
  if (outputs.size() != metadata.outputs.size())
    throw UserError("the model has " + std::to_string(outputs.size()) + " outputs, but " + metadata.path.string() + " names " +
                    std::to_string(metadata.outputs.size()));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].shape != metadata.outputs[i].shape)
      throw UserError("output " + metadata.outputs[i].name + " of the model has the shape " + text(outputs[i].shape) + ", but " +
                      metadata.path.string() + " says " + text(metadata.outputs[i].shape));
}

std::vector<Detection> in_original_pixels(const std::vector<Output>& outputs, std::size_t row, const Fitted& picture,
                                          const ModelMetadata& metadata) {
  const auto count = static_cast<std::size_t>(outputs[kScores].shape[1]);
  const auto [width, height] = picture.original;
  const auto masks = metadata.place_of("masks");
  std::vector<Detection> found;
  for (std::size_t at = row * count; at < (row + 1) * count; ++at) {
    if (value(outputs[kValid], at) == 0) continue;
    const Box box = box_at(outputs[kBoxes], at, picture.scale);
    Detection detection = {clipped(box.x1, width),
                           clipped(box.y1, height),
                           clipped(box.x2, width),
                           clipped(box.y2, height),
                           value(outputs[kScores], at),
                           checked_label(value(outputs[kLabels], at), metadata.classes.size()),
                           masks ? mask_at(outputs[*masks], at, box, *metadata.masks) : SoftMask()};
    if (detection.x2 > detection.x1 && detection.y2 > detection.y1) found.push_back(std::move(detection));
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return found;
}
