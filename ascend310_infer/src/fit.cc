#include "fit.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace {

int scaled(int side, double scale, int most) {
  return std::min(std::max(static_cast<int>(side * scale + 0.5), 1), most);
}

}  // namespace

Fitted fit_to_input(const cv::Mat& image, int height, int width, bool keep_ratio) {
  cv::Size size(width, height);
  if (keep_ratio) {
    const double scale = std::min(static_cast<double>(width) / image.cols, static_cast<double>(height) / image.rows);
    size = {scaled(image.cols, scale, width), scaled(image.rows, scale, height)};
  }
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
