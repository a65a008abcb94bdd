#pragma once

#include <filesystem>
#include <vector>

#include "model_metadata.h"
#include "detections.h"

/// Detections below it would cover the picture; the value of src/report/drawing.py.
constexpr double kShownScore = 0.5;

/// Writes a JPEG of a picture file with the boxes, masks, classes and scores of what was found in it (score >= kShownScore).
/// Small pictures are enlarged. Throws UserError if it cannot be written.
void draw(const std::filesystem::path& image, const std::vector<Detection>& detections, const ModelMetadata& metadata,
          const std::filesystem::path& target);
