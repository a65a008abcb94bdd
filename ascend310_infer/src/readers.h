#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "model_metadata.h"
#include "fit.h"
#include "image_list.h"
#include "queue.h"

/// A picture that was read, or why it could not be.
struct Prepared {
  const ImageEntry* entry = nullptr;
  Fitted picture;
  std::string fault;  ///< empty if it was read
};

/// Threads that read pictures ahead, and give them in the order of the list. Thread t of n reads pictures t, t + n, ...
/// into a queue of its own, so that the order needs no bookkeeping and only two pictures per thread wait.
class Readers {
 public:
  Readers(const std::vector<ImageEntry>& images, const std::filesystem::path& folder, const ModelMetadata& metadata, int threads);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// The next picture; nothing after the last.
  std::optional<Prepared> next();

 private:
  std::vector<std::unique_ptr<Queue<Prepared>>> queues_;
  std::vector<std::thread> threads_;
  std::size_t turn_ = 0;
};
