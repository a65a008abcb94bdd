#include "record_file.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "errors.h"
#include "whole_file.h"

namespace {

namespace fs = std::filesystem;

double pixels(double value) { return std::nearbyint(value * 1000) / 1000; }  // 3 decimals, as src/evaluation/records.py

}  // namespace

RecordFile::RecordFile(const fs::path& path, const ImageList& list, bool overwrite) : path_(path), list_(list) {
  if (fs::exists(path_) && !overwrite)
    throw UserError(path_.string() + ": exists already; give --overwrite to replace it, or another name");
  unfinished_ = unfinished_name(path_);
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

void RecordFile::add(const ImageEntry& image, const std::vector<Detection>& detections) {
  for (const auto& found : detections) {
    nlohmann::ordered_json record = {{"image_id", image.id}};
    if (list_.numbered_here) record["file_name"] = image.name;
    record["category_id"] = list_.category_ids[static_cast<std::size_t>(found.label) - 1];
    record["bbox"] = {pixels(found.x1), pixels(found.y1), pixels(found.x2 - found.x1), pixels(found.y2 - found.y1)};
    record["score"] = found.score;
    stream_ << (count_++ == 0 ? "\n" : ",\n") << record.dump();
  }
  check();
}

void RecordFile::finish() {
  stream_ << "\n]\n";
  stream_.flush();
  check();
  stream_.close();
  finish_file(unfinished_, path_);
}

void RecordFile::check() const {
  if (!stream_) throw UserError(path_.string() + ": cannot be written (is the disk full, or the folder not yours?)");
}
