#include "record_file.h"

#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

#include "errors.h"
#include "rle.h"
#include "atomic_file.h"

namespace {

namespace fs = std::filesystem;

double pixels(double value) { return std::nearbyint(value * 1000) / 1000; }  // 3 decimals, as src/evaluation/records.py

nlohmann::ordered_json segmentation(const SoftMask& mask, const cv::Size& picture) {
  return {{"size", {picture.height, picture.width}}, {"counts", rle_text(paste(mask, picture), picture)}};
}

}  // namespace

RecordFile::RecordFile(const fs::path& path, const ImageList& list, bool overwrite) : path_(path), list_(list) {
  check_free(path_, overwrite);
  unfinished_ = unfinished_name(path_);
  errno = 0;
  stream_.open(unfinished_);
  stream_ << "[";
  check();
}

RecordFile::~RecordFile() {
  if (!stream_.is_open()) return;
  stream_.close();
  std::error_code failure;  // a destructor must not throw, and the program is already stopping for another reason
  fs::remove(unfinished_, failure);
}

void RecordFile::add(const Found& found) {
  errno = 0;
  for (const auto& one : found.detections) {
    nlohmann::ordered_json record = {{"image_id", found.entry->id}};
    if (list_.numbered_here) record["file_name"] = found.entry->name;
    record["category_id"] = list_.category_ids[static_cast<std::size_t>(one.label) - 1];
    record["bbox"] = {pixels(one.x1), pixels(one.y1), pixels(one.x2 - one.x1), pixels(one.y2 - one.y1)};
    record["score"] = one.score;
    if (!one.mask.cells.empty()) record["segmentation"] = segmentation(one.mask, found.picture);
    stream_ << (count_++ == 0 ? "\n" : ",\n") << record.dump();
  }
  check();
}

void RecordFile::finish() {
  errno = 0;
  stream_ << "\n]\n";
  stream_.flush();
  check();
  stream_.close();
  finish_file(unfinished_, path_);
}

void RecordFile::check() const {
  if (!stream_) throw cannot_write(path_, errno);
}
