#pragma once

#include <filesystem>
#include <opencv2/core.hpp>

/// Reads a picture file as it is shown: EXIF rotation applied, greyscale and palette expanded, alpha dropped, of 16 bit the
/// upper 8. Orientation that only XMP states does not count. Returns 8-bit RGB [H, W, 3]; throws UserError naming the file
/// when it is missing, no regular file, broken, cut off, or larger than 2^20 pixels a side or 2^30 in all (OpenCV's limits).
cv::Mat read_image(const std::filesystem::path& path);
