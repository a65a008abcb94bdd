#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "box.h"
#include "mask_rule.h"

/// The predicted mask of an object: a probability for each of side x side equal cells that divide its box.
struct SoftMask {
  Box box;  ///< pixels of the picture, not clipped to it
  int side = 0;
  MaskRule rule;
  std::vector<float> cells;  ///< row by row; empty if the network gives no masks

  /// The same mask in a picture that is `zoom` times as large.
  SoftMask enlarged(double zoom) const;
};

/// A mask at the resolution of the picture. Pixels outside `place` do not belong to the object.
struct MaskRegion {
  cv::Rect place;
  std::vector<unsigned char> inside;  ///< 0 or 1, column by column

  bool at(int x, int y) const {
    return inside[static_cast<std::size_t>(x) * static_cast<std::size_t>(place.height) + static_cast<std::size_t>(y)] != 0;
  }
};

/// Resamples a mask at the pixels of a picture by the same rule as src/evaluation/masks.py; the metadata describe it in words.
MaskRegion paste(const SoftMask& mask, const cv::Size& picture);
