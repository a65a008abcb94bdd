#pragma once

#include <opencv2/core.hpp>
#include <string>

#include "mask.h"

/// The "counts" of COCO's compressed run-length encoding of a mask. Only the region is read, so the time depends on the size of
/// the box and not on that of the picture.
std::string rle_text(const MaskRegion& region, const cv::Size& picture);
