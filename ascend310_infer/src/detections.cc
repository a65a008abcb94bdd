#include "detections.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "errors.h"

namespace {

enum Order { kBoxes, kScores, kLabels, kValid };  // as the card was checked to say

double value(const Output& output, std::size_t at) {
  switch (output.type) {
    case ElementType::kFloat32: return static_cast<const float*>(output.data)[at];
    case ElementType::kInt32: return static_cast<const std::int32_t*>(output.data)[at];
    case ElementType::kInt64: return static_cast<double>(static_cast<const std::int64_t*>(output.data)[at]);
    case ElementType::kBool: return static_cast<const unsigned char*>(output.data)[at];
  }
  throw std::logic_error("an element type without a reader");
}

double clipped(const Output& boxes, std::size_t at, double scale, int side) {
  return std::clamp(value(boxes, at) / scale, 0.0, static_cast<double>(side));
}

int checked_label(double label, std::size_t class_count) {
  if (label < 1 || label > static_cast<double>(class_count))
    throw UserError("the model found class " + std::to_string(static_cast<long>(label)) + ", but its card has classes 1 to " +
                    std::to_string(class_count));
  return static_cast<int>(label);
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string result = "[";
  for (const auto side : shape) result += (result.size() > 1 ? ", " : "") + std::to_string(side);
  return result + "]";
}

}  // namespace

void check_outputs(const std::vector<Output>& outputs, const Card& card) {
  if (outputs.size() != card.outputs.size())
    throw UserError("the model has " + std::to_string(outputs.size()) + " outputs, but " + card.path.string() + " names " +
                    std::to_string(card.outputs.size()));
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].shape != card.outputs[i].shape)
      throw UserError("output " + card.outputs[i].name + " of the model has the shape " + text(outputs[i].shape) + ", but " +
                      card.path.string() + " says " + text(card.outputs[i].shape));
}

std::vector<Detection> in_original_pixels(const std::vector<Output>& outputs, std::size_t row, const Fitted& picture,
                                          std::size_t class_count) {
  const auto count = static_cast<std::size_t>(outputs[kScores].shape[1]);
  const auto [width, height] = picture.original;
  std::vector<Detection> found;
  for (std::size_t at = row * count; at < (row + 1) * count; ++at) {
    if (value(outputs[kValid], at) == 0) continue;
    const auto& boxes = outputs[kBoxes];
    const Detection detection = {clipped(boxes, 4 * at, picture.scale.x, width),
                                 clipped(boxes, 4 * at + 1, picture.scale.y, height),
                                 clipped(boxes, 4 * at + 2, picture.scale.x, width),
                                 clipped(boxes, 4 * at + 3, picture.scale.y, height),
                                 value(outputs[kScores], at),
                                 checked_label(value(outputs[kLabels], at), class_count)};
    if (detection.x2 > detection.x1 && detection.y2 > detection.y1) found.push_back(detection);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return found;
}
