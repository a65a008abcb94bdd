#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "detections.h"
#include "image_list.h"

/// A JSON array of COCO result records, with masks if there are any, written one by one into a temporary file. `finish` gives it
/// its name; if the program stops before, no file of that name is left.
class RecordFile {
 public:
  /// Throws UserError if the file exists and may not be overwritten, or cannot be written.
  RecordFile(const std::filesystem::path& path, const ImageList& list, bool overwrite);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  void add(const Found& found);
  void finish();
  const std::filesystem::path& unfinished() const { return unfinished_; }  ///< the temporary file
  std::size_t count() const { return count_; }

 private:
  void check() const;

  std::filesystem::path path_;
  std::filesystem::path unfinished_;
  std::ofstream stream_;
  const ImageList& list_;
  std::size_t count_ = 0;
};
