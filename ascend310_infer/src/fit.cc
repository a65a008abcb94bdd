#include "fit.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <string>

#include "errors.h"

namespace {

int scaled(int side, double scale, int most) {
  return std::min(std::max(static_cast<int>(side * scale + 0.5), 1), most);
}

cv::Size resized_size(const cv::Size& old, const cv::Size& input, const ResizeRule& rule) {
  if (!rule.keep_ratio) return input;
  if (!rule.sides) {
    const double scale = std::min(static_cast<double>(input.width) / old.width, static_cast<double>(input.height) / old.height);
    return {scaled(old.width, scale, input.width), scaled(old.height, scale, input.height)};
  }
  const auto [shorter, longer] = std::minmax(old.width, old.height);
  const double scale = std::min(static_cast<double>((*rule.sides)[0]) / shorter, static_cast<double>((*rule.sides)[1]) / longer);
  const cv::Size size(std::max(static_cast<int>(old.width * scale), 1), std::max(static_cast<int>(old.height * scale), 1));
  if (size.width > input.width || size.height > input.height)
    throw UserError("becomes " + std::to_string(size.width) + "x" + std::to_string(size.height) +
                    " and does not fit into the input of the model: export it for a larger one");
  return size;
}

}  // namespace

Fitted fit_to_input(const cv::Mat& image, int height, int width, const ResizeRule& rule) {
  const cv::Size size = resized_size(image.size(), {width, height}, rule);
  Fitted fitted;
  fitted.original = image.size();
  fitted.scale = {static_cast<double>(size.width) / image.cols, static_cast<double>(size.height) / image.rows};
  fitted.pixels = cv::Mat::zeros(height, width, CV_8UC3);
  cv::Mat corner = fitted.pixels(cv::Rect({0, 0}, size));
  if (size == image.size())
    image.copyTo(corner);
  else
    cv::resize(image, corner, size, 0, 0, cv::INTER_LINEAR);
  return fitted;
}

void copy_planes(const cv::Mat& pixels, float* planes) {
  const std::size_t plane = pixels.total();
  for (int y = 0; y < pixels.rows; ++y) {
    const auto* row = pixels.ptr<cv::Vec3b>(y);
    float* out = planes + static_cast<std::size_t>(y) * pixels.cols;
    for (int x = 0; x < pixels.cols; ++x)
      for (std::size_t channel = 0; channel < 3; ++channel) out[channel * plane + x] = row[x][static_cast<int>(channel)];
  }
}
