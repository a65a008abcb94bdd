#pragma once

#include <vector>

#include "model_metadata.h"
#include "engine.h"
#include "fit.h"
#include "image_list.h"
#include "mask.h"

/// One detected object.
struct Detection {
  double x1, y1, x2, y2;  ///< pixels of the original picture, inside it
  double score;           ///< 0 to 1
  int label;              ///< 1..C
  SoftMask mask;          ///< without cells if the network gives no masks
};

/// The detections of a picture, by falling score.
struct Found {
  const ImageEntry* entry = nullptr;
  cv::Size picture;  ///< pixels
  std::vector<Detection> detections;
};

/// Throws UserError unless the outputs have the number, the shapes and the types that the metadata say, and as much data.
void check_outputs(const std::vector<Output>& outputs, const ModelMetadata& metadata);

/// The detections of image `row` of a batch, by falling score. Those that are not valid or lie in the padding are dropped;
/// a box, score, label or mask with an impossible value is a UserError.
/// The same rule as in_original_pixels of src/evaluation/records.py.
std::vector<Detection> in_original_pixels(const std::vector<Output>& outputs, std::size_t row, const Fitted& picture,
                                          const ModelMetadata& metadata);
