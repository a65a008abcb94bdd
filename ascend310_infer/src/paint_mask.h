#pragma once

#include <opencv2/core.hpp>

#include "mask.h"

/// Paints a mask over an 8-bit picture: its pixels mixed with the paint, and the outermost of them in full.
void paint(cv::Mat* canvas, const MaskRegion& region, const cv::Scalar& paint);
