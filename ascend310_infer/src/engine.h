#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "model_metadata.h"

enum class ElementType { kFloat32, kInt32, kInt64, kBool };

/// One output of a network; the data belong to the engine and last until its next run.
struct Output {
  std::vector<std::int64_t> shape;
  ElementType type;
  const void* data;
  std::size_t bytes;
  std::unordered_set<std::string> names;  ///< as the model calls it; empty where the engine does not know
};

/// What an engine is made with.
struct EngineSettings {
  std::filesystem::path model;
  TensorSpec input;
  std::string device;  ///< CPU, GPU, Ascend or Ascend310
  int device_id;
  int threads;
};

/// Runs one model. Each engine is a library of its own with the function `make_engine` (see ENGINE_LIBRARY).
class Engine {
 public:
  virtual ~Engine() = default;

  /// Computes one batch. images: float32 of the input's shape. The outputs are in the order of the model.
  virtual std::vector<Output> run(const std::vector<float>& images) = 0;
};

using MakeEngine = Engine*(const EngineSettings&);

/// The engine for the ending of the model's name, from the library beside this program. Throws UserError.
std::unique_ptr<Engine> load_engine(const EngineSettings& settings);
