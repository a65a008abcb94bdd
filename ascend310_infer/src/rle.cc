#include "rle.h"

#include <cstdint>
#include <vector>

namespace {

/// Run lengths of pixels outside and inside the object in turn; the first run is outside and may be 0.
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

// In column-major order over the whole picture, as in COCO.
std::vector<std::int64_t> run_lengths(const MaskRegion& region, const cv::Size& picture) {
  const auto& place = region.place;
  const std::int64_t below = picture.height - place.height;  // pixels between two columns of the region
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

// As pycocotools' rleToString: five bits per character, the lowest first; bit 32 says that more characters follow, and bit 16 of the
// last character is the sign.
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
  // From the fourth run on, the difference from the run two before it, which lies on the same side of the mask.
  for (std::size_t i = 0; i < lengths.size(); ++i)
    append(i < 3 ? lengths[i] : lengths[i] - lengths[i - 2], &text);
  return text;
}
