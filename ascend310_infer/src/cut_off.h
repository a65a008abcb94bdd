#pragma once

#include <vector>

/// Whether a JPEG or PNG file is truncated: it ends before its end marker. False for files of other formats. OpenCV 4.6 fills
/// such a JPEG with grey, and reads such a PNG for ever if the length of a chunk is far too large; OpenCV 4.11, in Python,
/// refuses the JPEG.
bool is_cut_off(const std::vector<unsigned char>& file);
