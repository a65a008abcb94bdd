#pragma once

#include <opencv2/core.hpp>

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

/// Resizes an 8-bit RGB picture, bilinearly and once, and pads it. With keep_ratio both sides are scaled by
/// min(width / w, height / h), otherwise it is stretched to width x height. The same rule as src/data/transforms.py.
Fitted fit_to_input(const cv::Mat& image, int height, int width, bool keep_ratio);

/// Writes 8-bit [H, W, 3] pixels as float32 planes [3, H, W], values 0 to 255.
void copy_planes(const cv::Mat& pixels, float* planes);
