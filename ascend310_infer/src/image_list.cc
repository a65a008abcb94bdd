#include "image_list.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "errors.h"
#include "json_values.h"
#include "regular_file.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool is_image(const fs::path& path) {
  static const std::set<std::string> suffixes = {".bmp", ".dib", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm",
                                                 ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"};
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  return suffixes.count(suffix) > 0;
}

bool is_hidden(const fs::path& path) { return path.filename().string().rfind('.', 0) == 0; }

// Symbolic links to folders are followed. Each real folder is visited once, so a link to a parent folder causes no endless recursion.
void add_images(const fs::path& root, const fs::path& folder, std::set<fs::path>* seen, std::vector<std::string>* names) {
  if (!seen->insert(fs::canonical(folder)).second) return;
  for (const auto& item : fs::directory_iterator(folder)) {
    if (is_hidden(item.path())) continue;
    std::error_code failure;  // a symbolic link to itself is not a folder; reading it reports the fault
    if (item.is_directory(failure))
      add_images(root, item.path(), seen, names);
    else if (is_image(item.path()))
      names->push_back(item.path().lexically_relative(root).generic_string());
  }
}

void check_folder(const fs::path& folder) {
  std::error_code failure;  // where the folder cannot be examined
  if (!fs::is_directory(folder, failure)) throw UserError(folder.string() + ": there is no such folder of images");
}

// Annotation rows are many and not needed: they are dropped while the file is read.
json read_coco(const fs::path& path) {
  if (!is_regular(path)) throw UserError("cannot be read: there is no such file, or it is no regular file");
  std::ifstream stream(path);
  if (!stream) throw UserError("cannot be read");
  const auto keep = [](int depth, json::parse_event_t event, json& value) {
    return !(depth == 1 && event == json::parse_event_t::key && value == "annotations");
  };
  return parse(stream, keep);
}

std::vector<std::int64_t> category_ids(const json& coco, const ModelMetadata& metadata) {
  std::map<std::string, std::int64_t> ids;
  std::set<std::int64_t> seen;
  for (const auto& category : array(member(coco, "the annotations", "categories"), "categories")) {
    const auto id = whole_number(member(category, "categories", "id"), "an id of categories", -kMostId, kMostId);
    const auto name = text_value(member(category, "categories", "name"), "a name of categories");
    if (!seen.insert(id).second) throw UserError("two categories have the id " + std::to_string(id));
    if (!ids.emplace(name, id).second) throw UserError("two categories have the name '" + name + "'");
  }
  std::vector<std::int64_t> found;
  for (const auto& item : metadata.classes) {
    if (ids.count(item.name) == 0) throw UserError("it has no category '" + item.name + "', which the detector detects");
    found.push_back(ids[item.name]);
  }
  if (ids.size() != found.size()) throw UserError("it has categories that the detector does not know");
  return found;
}

// Results and drawn pictures carry the name, so it must be text, and must not lead out of a folder.
void check_name(const std::string& name) {
  const fs::path path(name);
  if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
    throw UserError("the file_name " + name + " must be a path inside the image folder");
  try {
    json(name).dump();
  } catch (const json::exception&) {
    throw UserError("a file name in it is not UTF-8 text: " + json(name).dump(-1, ' ', true, json::error_handler_t::replace) +
                    "; rename the image");
  }
}

std::vector<ImageEntry> entries(const json& coco, const fs::path& folder) {
  std::vector<ImageEntry> images;
  std::vector<std::string> missing;
  std::set<std::int64_t> ids;
  std::set<std::string> names;
  for (const auto& image : array(member(coco, "the annotations", "images"), "images")) {
    images.push_back({whole_number(member(image, "images", "id"), "an id of images", -kMostId, kMostId),
                      text_value(member(image, "images", "file_name"), "a file_name of images")});
    const auto& [id, name] = images.back();
    check_name(name);
    if (!ids.insert(id).second) throw UserError("two images have the id " + std::to_string(id));
    if (!names.insert(name).second) throw UserError("two images have the file_name " + name);
    if (!is_regular(folder / images.back().name)) missing.push_back(images.back().name);
  }
  if (!missing.empty())
    throw UserError(std::to_string(missing.size()) + " of its images are not in " + folder.string() +
                    ", or are no regular files there, the first is " + missing.front());
  if (images.empty()) throw UserError("it lists no images");
  return images;
}

}  // namespace

ImageList list_folder(const fs::path& folder, const ModelMetadata& metadata) {
  check_folder(folder);
  std::set<fs::path> seen;
  std::vector<std::string> names;
  add_images(folder, folder, &seen, &names);
  if (names.empty()) throw UserError(folder.string() + ": no images there (bmp, jp2, jpg, png, ppm, tif, webp)");
  try {
    std::for_each(names.begin(), names.end(), check_name);
  } catch (const UserError& error) {
    throw UserError(folder.string() + ": " + error.what());
  }
  std::sort(names.begin(), names.end());
  ImageList list;
  list.numbered_here = true;
  for (const auto& name : names) list.images.push_back({static_cast<std::int64_t>(list.images.size()) + 1, name});
  for (const auto& item : metadata.classes) list.category_ids.push_back(item.id);
  return list;
}

ImageList list_annotated(const fs::path& annotations, const fs::path& folder, const ModelMetadata& metadata) {
  check_folder(folder);
  try {
    const json coco = read_coco(annotations);
    return {entries(coco, folder), category_ids(coco, metadata), false};
  } catch (const std::exception& error) {
    throw UserError(annotations.string() + ": " + error.what());
  }
}
