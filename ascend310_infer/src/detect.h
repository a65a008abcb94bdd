#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "model_metadata.h"
#include "detections.h"
#include "engine.h"
#include "readers.h"

/// What a run did.
struct Summary {
  std::size_t images = 0;   ///< processed
  std::size_t skipped = 0;  ///< could not be read
  double network_seconds = 0;
};

using Report = std::function<void(const Found&)>;

/// Runs the network over all pictures of the readers and reports what was found, in their order, from one thread of its own.
/// Pictures that cannot be read are named on standard error. Ends early when `stop` becomes true.
Summary detect(const ModelMetadata& metadata, Engine& engine, Readers& readers, const Report& report, const std::atomic<bool>& stop);
