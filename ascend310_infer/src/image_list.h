#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model_metadata.h"

/// One picture in which to detect.
struct ImageEntry {
  std::int64_t id;
  std::string name;  ///< relative to the folder of images, with sub-folders
};

/// The pictures of a run, and the category that each class of the detector has in its records.
struct ImageList {
  std::vector<ImageEntry> images;
  std::vector<std::int64_t> category_ids;  ///< of label 1, 2, ...
  bool numbered_here = false;              ///< ids are positions in the sorted folder, so a record also names the file
};

/// All pictures below a folder, in sorted order, numbered from 1; hidden files and folders are left out.
ImageList list_folder(const std::filesystem::path& folder, const ModelMetadata& metadata);

/// The images of a COCO file, which must lie in the folder. Its categories must have the names of the detector's classes.
ImageList list_annotated(const std::filesystem::path& annotations, const std::filesystem::path& folder, const ModelMetadata& metadata);
