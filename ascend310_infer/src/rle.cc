#include "rle.h"

#include <cstdint>
#include <vector>

namespace {

/// Lengths of runs, the first one of pixels outside.
class Runs {
 public:
  void add(bool inside, std::int64_t count) {
    if (count == 0) return;
    if (inside != inside_) {
      lengths_.push_back(0);
      inside_ = inside;
    }
    lengths_.back() += count;
  }
  const std::vector<std::int64_t>& lengths() const { return lengths_; }

 private:
  std::vector<std::int64_t> lengths_ = {0};
  bool inside_ = false;
};

// Pixels count column by column over the whole picture.
std::vector<std::int64_t> run_lengths(const MaskRegion& region, const cv::Size& picture) {
  const auto& place = region.place;
  const std::int64_t below = picture.height - place.height;  // of the picture, between two columns of the region
  Runs runs;
  runs.add(false, static_cast<std::int64_t>(place.x) * picture.height + place.y);
  for (int x = 0; x < place.width; ++x) {
    if (x > 0) runs.add(false, below);
    for (int y = 0; y < place.height; ++y) runs.add(region.at(x, y), 1);
  }
  const std::int64_t rest = static_cast<std::int64_t>(picture.width - place.x - place.width) * picture.height;
  runs.add(false, rest + (place.width > 0 ? below - place.y : -place.y));
  return runs.lengths();
}

// Five bits a letter, the lowest first; 32 says that more follow, and the highest bit of the last letter is the sign.
void append(std::int64_t number, std::string* text) {
  bool more = true;
  while (more) {
    std::int64_t bits = number & 31;
    number >>= 5;
    more = (bits & 16) != 0 ? number != -1 : number != 0;
    if (more) bits |= 32;
    *text += static_cast<char>(bits + 48);
  }
}

}  // namespace

std::string rle_text(const MaskRegion& region, const cv::Size& picture) {
  const auto lengths = run_lengths(region, picture);
  std::string text;
  for (std::size_t i = 0; i < lengths.size(); ++i)  // from the fourth on, what a run is longer than the one before of its kind
    append(i < 3 ? lengths[i] : lengths[i] - lengths[i - 2], &text);
  return text;
}
