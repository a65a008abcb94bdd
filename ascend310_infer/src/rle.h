#pragma once

#include <opencv2/core.hpp>
#include <string>

#include "mask.h"

/// A mask as COCO writes it, the "counts" of a compressed run-length encoding. Only the region is read, so a mask costs what
/// its box costs, whatever the size of the picture.
std::string rle_text(const MaskRegion& region, const cv::Size& picture);
