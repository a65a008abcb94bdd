#include "draw.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "errors.h"
#include "image_file.h"
#include "paint_mask.h"
#include "atomic_file.h"

namespace {

constexpr double kLeastSide = 1000;  // pixels of the longer side, so that text is readable
constexpr double kMostEnlarged = 4;  // times
constexpr double kMostOfJpeg = 65500;  // pixels a side, libjpeg's limit; longer pictures are shrunk
constexpr double kTextScale = 0.5;
constexpr int kMargin = 3;  // pixels around text

// Steps of the golden ratio spread hues evenly for any number of classes. The channels are RGB.
cv::Scalar colour(int label) {
  const double hue = std::fmod(0.36 + (label - 1) * 0.61803398875, 1.0);
  const cv::Mat hsv(1, 1, CV_8UC3, cv::Scalar(hue * 180, 217, 242));
  cv::Mat rgb;
  cv::cvtColor(hsv, rgb, cv::COLOR_HSV2RGB);
  const auto pixel = rgb.at<cv::Vec3b>(0, 0);
  return {static_cast<double>(pixel[0]), static_cast<double>(pixel[1]), static_cast<double>(pixel[2])};
}

// OpenCV's letters are those of ASCII; each letter of any other alphabet becomes one question mark.
std::string ascii(const std::string& name) {
  std::string result;
  for (const char byte : name) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 128) result += byte;
    if (code >= 192) result += '?';  // the first byte of a letter in UTF-8
  }
  return result;
}

cv::Size size_of(const std::string& text, int* below) {
  return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, kTextScale, 1, below);
}

// Name and score above the box, the score alone if the box is narrow, nothing if it is tiny.
void write_label(cv::Mat* canvas, const cv::Rect& box, const std::string& name, const std::string& score,
                 const cv::Scalar& paint) {
  int below = 0;
  const int room = box.width * 3 / 2;
  std::string text = name + " " + score;
  if (size_of(text, &below).width > room) text = score;
  const auto size = size_of(text, &below);
  if (size.width > room) return;
  const int height = size.height + below + 2 * kMargin;
  const int x = std::max(std::min(box.x, canvas->cols - size.width - 2 * kMargin), 0);
  const int y = box.y >= height ? box.y - height : std::min(box.y + box.height, canvas->rows - height);
  cv::rectangle(*canvas, {x, y, size.width + 2 * kMargin, height}, paint, cv::FILLED);
  const bool is_light = 0.299 * paint[0] + 0.587 * paint[1] + 0.114 * paint[2] > 140;
  cv::putText(*canvas, text, {x + kMargin, y + kMargin + size.height}, cv::FONT_HERSHEY_SIMPLEX, kTextScale,
              is_light ? cv::Scalar(0, 0, 0) : cv::Scalar(255, 255, 255), 1, cv::LINE_AA);
}

void draw_one(cv::Mat* canvas, const Detection& found, double zoom, const ModelMetadata& metadata) {
  const auto at = [zoom](double side) { return static_cast<int>(std::lround(side * zoom)); };
  const cv::Rect box({at(found.x1), at(found.y1)}, cv::Point(at(found.x2), at(found.y2)));
  char score[16];
  std::snprintf(score, sizeof score, "%.2f", found.score);
  if (!found.mask.cells.empty()) paint(canvas, paste(found.mask.enlarged(zoom), canvas->size()), colour(found.label));
  cv::rectangle(*canvas, box, colour(found.label), 2);
  const auto& name = metadata.classes[static_cast<std::size_t>(found.label) - 1].name;
  write_label(canvas, box, ascii(name), score, colour(found.label));
}

void write_jpeg(const cv::Mat& rgb, const std::filesystem::path& target) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<unsigned char> bytes;
  if (!cv::imencode(".jpg", bgr, bytes)) throw UserError(target.string() + ": cannot be encoded as JPEG");
  const auto unfinished = unfinished_name(target);
  errno = 0;
  std::ofstream stream(unfinished, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) {
    const int reason = errno;
    std::error_code failure;  // the disk is full already
    std::filesystem::remove(unfinished, failure);
    throw cannot_write(target, reason);
  }
  finish_file(unfinished, target);
}

}  // namespace

void draw(const std::filesystem::path& image, const std::vector<Detection>& detections, const ModelMetadata& metadata,
          const std::filesystem::path& target) {
  cv::Mat canvas = read_image(image);
  const double longer = std::max(canvas.cols, canvas.rows);
  const double zoom = std::min(std::clamp(kLeastSide / longer, 1.0, kMostEnlarged), kMostOfJpeg / longer);
  const auto side = [zoom](int pixels) { return std::max(static_cast<int>(std::lround(pixels * zoom)), 1); };
  const cv::Size size(side(canvas.cols), side(canvas.rows));
  if (zoom != 1) cv::resize(canvas, canvas, size, 0, 0, zoom > 1 ? cv::INTER_CUBIC : cv::INTER_AREA);
  for (auto found = detections.rbegin(); found != detections.rend(); ++found)  // the best lies on top
    if (found->score >= kShownScore) draw_one(&canvas, *found, zoom, metadata);
  write_jpeg(canvas, target);
}
