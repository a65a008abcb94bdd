#include "mask.h"

#include <algorithm>
#include <cmath>

namespace {

/// Cells that a pixel lies between, and how much of each it takes.
struct Reading {
  std::size_t first, second;
  double first_share, second_share;
};

/// What cells are stretched over in one axis, and the pixels of the picture that touch it: `first` to before `stop`.
struct Span {
  double begin, end;
  int first, stop;
};

Span span(double from, double to, const SoftMask& mask, int pixels) {
  const double ring = (to - from) / mask.side;
  double begin = from - ring, end = to + ring;
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

// How the pixels of a span read `cells` cells, at their centres. Outside the outermost centres the outermost cell holds.
std::vector<Reading> readings(const Span& span, std::size_t cells) {
  std::vector<Reading> result;
  result.reserve(static_cast<std::size_t>(span.stop - span.first));
  const double per_pixel = static_cast<double>(cells) / (span.end - span.begin);
  for (int pixel = span.first; pixel < span.stop; ++pixel) {
    const double place = (pixel + 0.5 - span.begin) * per_pixel - 0.5;
    const double inside = place > 0 ? std::min(place, static_cast<double>(cells) - 1) : 0;  // also of a span without end
    const auto low = static_cast<std::size_t>(inside);
    const double after = inside - static_cast<double>(low);
    result.push_back({low, std::min(low + 1, cells - 1), 1 - after, after});
  }
  return result;
}

// The cells with a ring of zeros, row by row.
std::vector<double> ringed(const SoftMask& mask) {
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
  const auto cells = ringed(mask);
  const auto rows = readings(down, side);
  std::vector<double> column(side);
  for (const auto& x : readings(across, side)) {
    for (std::size_t row = 0; row < side; ++row)
      column[row] = cells[row * side + x.first] * x.first_share + cells[row * side + x.second] * x.second_share;
    for (const auto& y : rows)
      region.inside.push_back(column[y.first] * y.first_share + column[y.second] * y.second_share > mask.rule.threshold);
  }
  return region;
}
