#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mask_rule.h"
#include "resize_rule.h"

/// A tensor as the metadata describe it.
struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string dtype;
};

/// One class of the detector; label k of the network means classes[k - 1] of the metadata.
struct ObjectClass {
  std::int64_t id;  ///< its category in the data set the detector was trained with
  std::string name;
};

/// What the file beside an exported model says: all that this program knows about a network.
struct ModelMetadata {
  std::filesystem::path path;
  TensorSpec input;  ///< [B, 3, H, W]
  ResizeRule resize;
  std::vector<TensorSpec> outputs;  ///< boxes, scores, labels, valid and perhaps more, in the order of the model
  std::optional<MaskRule> masks;    ///< nothing if the model gives no masks
  std::vector<ObjectClass> classes;

  /// The place of an output among the others, if the model has it.
  std::optional<std::size_t> place_of(const std::string& output) const;

  std::int64_t batch() const { return input.shape[0]; }
  int height() const { return static_cast<int>(input.shape[2]); }
  int width() const { return static_cast<int>(input.shape[3]); }
};

/// As a list in brackets, for messages.
std::string text(const std::vector<std::int64_t>& shape);

/// Reads the metadata of a model, the same name with the ending .json, by the rules of src/exporting/metadata_faults.py: afterwards
/// all shapes agree with each other and none is larger than memory. Throws UserError.
ModelMetadata read_model_metadata(const std::filesystem::path& model);
