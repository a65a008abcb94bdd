#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "box.h"
#include "mask_rule.h"

/// The probability of an object in side x side equal cells over its box, as the network gives it.
struct SoftMask {
  Box box;  ///< pixels of the picture, not clipped to it
  int side = 0;
  MaskRule rule;
  std::vector<float> cells;  ///< row by row; empty if the network gives no masks

  /// The same mask in a picture enlarged `zoom` times.
  SoftMask enlarged(double zoom) const;
};

/// The pixels of a picture that belong to an object: those of a rectangle, all others do not.
struct MaskRegion {
  cv::Rect place;
  std::vector<unsigned char> inside;  ///< 0 or 1, column by column

  bool at(int x, int y) const {
    return inside[static_cast<std::size_t>(x) * static_cast<std::size_t>(place.height) + static_cast<std::size_t>(y)] != 0;
  }
};

/// Brings a mask to the pixels of a picture: the same rule as src/evaluation/masks.py; the metadata have it in words.
MaskRegion paste(const SoftMask& mask, const cv::Size& picture);
