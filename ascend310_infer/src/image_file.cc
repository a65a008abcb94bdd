#include "image_file.h"

#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <utility>
#include <vector>

#include "cut_off.h"
#include "errors.h"
#include "exif.h"
#include "regular_file.h"

namespace {

std::vector<unsigned char> read_bytes(const std::filesystem::path& path) {
  check_regular(path);
  std::error_code failure;  // reported below, in the words of this program
  const auto size = std::filesystem::file_size(path, failure);
  std::vector<unsigned char> bytes(failure ? 0 : size);
  std::ifstream stream(path, std::ios::binary);
  if (failure || !stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
    throw UserError(path.string() + ": cannot be read");
  return bytes;
}

// PAM and PFM, which are named as other portable maps are, and which Python's programs do not read.
bool is_pam_or_pfm(const std::vector<unsigned char>& bytes) {
  return bytes.size() > 1 && bytes[0] == 'P' && (bytes[1] == '7' || bytes[1] == 'F');
}

cv::Mat decode(const std::vector<unsigned char>& bytes) {
  if (bytes.empty() || is_pam_or_pfm(bytes)) return {};
  try {
    return is_cut_off(bytes) ? cv::Mat() : cv::imdecode(bytes, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception&) {  // a header that is broken in some ways, or tells of more pixels than OpenCV takes
    return {};
  }
}

// OpenCV turns JPEG but not WebP, so that turning is done here for all of them.
cv::Mat turned(const cv::Mat& stored, int orientation) {
  cv::Mat image;
  const bool rows_are_columns = orientation >= 5;
  if (rows_are_columns)
    cv::transpose(stored, image);
  else
    image = stored;
  const bool up_down = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const bool left_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  if (up_down && left_right) cv::flip(image, image, -1);
  if (up_down && !left_right) cv::flip(image, image, 0);
  if (!up_down && left_right) cv::flip(image, image, 1);
  return image;
}

// In place: a picture may have 3 GB.
void swap_red_and_blue(cv::Mat* image) {
  for (int y = 0; y < image->rows; ++y) {
    auto* row = image->ptr<cv::Vec3b>(y);
    for (int x = 0; x < image->cols; ++x) std::swap(row[x][0], row[x][2]);
  }
}

}  // namespace

cv::Mat read_image(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  cv::Mat image = decode(bytes);
  if (image.empty())
    throw UserError(path.string() + ": not a readable image (broken, cut off, of a kind OpenCV does not know, or larger than " +
                    "2^20 pixels a side or 2^30 in all)");
  image = turned(image, exif_orientation(bytes));
  swap_red_and_blue(&image);
  return image;
}
