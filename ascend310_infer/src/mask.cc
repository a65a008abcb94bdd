#include "mask.h"

#include <algorithm>
#include <cmath>

namespace {

/// Linear interpolation at the centre of a pixel, along one axis: two neighbouring cells and their weights.
struct Interpolation {
  std::size_t first, second;
  double first_weight, second_weight;
};

/// Extent of the padded mask along one axis, in pixels of the picture, and the pixels that it touches: first <= pixel < stop.
struct Span {
  double begin, end;
  int first, stop;
};

Span span(double from, double to, const SoftMask& mask, int pixels) {
  const double padding = (to - from) / mask.side;
  double begin = from - padding, end = to + padding;
  if (mask.rule.pasting == Pasting::kTorchvision) {
    begin = std::trunc(begin);
    end = std::trunc(end) + 1;
  }
  const auto bounded = [](double place, int least, int most) {
    return static_cast<int>(std::clamp(place, static_cast<double>(least), static_cast<double>(most)));
  };
  const int first = bounded(std::floor(begin), 0, pixels);
  return {begin, end, first, bounded(std::ceil(end), first, pixels)};
}

// One interpolation per pixel of the span, between the centres of `cells` cells. Beyond the outermost centres the value is that of
// the outermost cell.
std::vector<Interpolation> interpolations(const Span& span, std::size_t cells) {
  std::vector<Interpolation> result;
  result.reserve(static_cast<std::size_t>(span.stop - span.first));
  const double per_pixel = static_cast<double>(cells) / (span.end - span.begin);
  for (int pixel = span.first; pixel < span.stop; ++pixel) {
    const double place = (pixel + 0.5 - span.begin) * per_pixel - 0.5;
    const double inside = place > 0 ? std::min(place, static_cast<double>(cells) - 1) : 0;  // 0 for NaN, too, which an infinite span gives
    const auto low = static_cast<std::size_t>(inside);
    const double after = inside - static_cast<double>(low);
    result.push_back({low, std::min(low + 1, cells - 1), 1 - after, after});
  }
  return result;
}

// The cells, padded with one cell of 0 on each side, row by row.
std::vector<double> padded(const SoftMask& mask) {
  const auto side = static_cast<std::size_t>(mask.side);
  std::vector<double> cells((side + 2) * (side + 2));
  for (std::size_t row = 0; row < side; ++row)
    std::copy_n(mask.cells.data() + row * side, side, cells.data() + (row + 1) * (side + 2) + 1);
  return cells;
}

}  // namespace

SoftMask SoftMask::enlarged(double zoom) const {
  SoftMask result = *this;
  result.box = {zoom * box.x1, zoom * box.y1, zoom * box.x2, zoom * box.y2};
  return result;
}

MaskRegion paste(const SoftMask& mask, const cv::Size& picture) {
  const Span across = span(mask.box.x1, mask.box.x2, mask, picture.width);
  const Span down = span(mask.box.y1, mask.box.y2, mask, picture.height);
  MaskRegion region = {{across.first, down.first, across.stop - across.first, down.stop - down.first}, {}};
  region.inside.reserve(static_cast<std::size_t>(region.place.width) * static_cast<std::size_t>(region.place.height));
  const auto side = static_cast<std::size_t>(mask.side) + 2;
  const auto cells = padded(mask);
  const auto rows = interpolations(down, side);
  std::vector<double> column(side);  // the cells interpolated at one x
  for (const auto& x : interpolations(across, side)) {
    for (std::size_t row = 0; row < side; ++row)
      column[row] = cells[row * side + x.first] * x.first_weight + cells[row * side + x.second] * x.second_weight;
    for (const auto& y : rows)
      region.inside.push_back(column[y.first] * y.first_weight + column[y.second] * y.second_weight > mask.rule.threshold);
  }
  return region;
}
