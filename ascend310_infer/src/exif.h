#pragma once

#include <vector>

/// The EXIF orientation (1 to 8) in the header of a JPEG, PNG or WebP file; 1 where there is none. A TIFF file gives 1 too:
/// OpenCV turns that by itself.
int exif_orientation(const std::vector<unsigned char>& file);
