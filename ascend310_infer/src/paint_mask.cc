#include "paint_mask.h"

namespace {

constexpr double kShare = 0.4;  // of the paint

// Whether a neighbour of a pixel, or the border of the region, lies outside the mask.
bool is_outermost(const MaskRegion& region, int x, int y) {
  return x == 0 || y == 0 || x == region.place.width - 1 || y == region.place.height - 1 || !region.at(x - 1, y) ||
         !region.at(x + 1, y) || !region.at(x, y - 1) || !region.at(x, y + 1);
}

}  // namespace

void paint(cv::Mat* canvas, const MaskRegion& region, const cv::Scalar& paint) {
  for (int y = 0; y < region.place.height; ++y) {
    auto* row = canvas->ptr<cv::Vec3b>(region.place.y + y) + region.place.x;
    for (int x = 0; x < region.place.width; ++x) {
      if (!region.at(x, y)) continue;
      const double share = is_outermost(region, x, y) ? 1 : kShare;
      for (int channel = 0; channel < 3; ++channel)
        row[x][channel] = cv::saturate_cast<unsigned char>((1 - share) * row[x][channel] + share * paint[channel]);
    }
  }
}
