#pragma once

#include <opencv2/core.hpp>

#include "resize_rule.h"

/// Pixels of the network input per pixel of the original picture.
struct Scale {
  double x = 1;
  double y = 1;
};

/// A picture as the network takes it.
struct Fitted {
  cv::Mat pixels;       ///< 8-bit RGB, input height x width, black at the right and at the bottom
  Scale scale;
  cv::Size original;    ///< size of the picture as it is shown
};

/// Resizes an 8-bit RGB picture, bilinearly and once, and pads it: the same rule as src/data/augment/transforms.py. Throws UserError if the
/// picture becomes larger than the input.
Fitted fit_to_input(const cv::Mat& image, int height, int width, const ResizeRule& rule);

/// Writes 8-bit [H, W, 3] pixels as float32 planes [3, H, W], values 0 to 255.
void copy_planes(const cv::Mat& pixels, float* planes);
