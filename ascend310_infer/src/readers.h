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

/// A picture that was read and resized, or the reason why it could not be read.
struct Prepared {
  const ImageEntry* entry = nullptr;
  Fitted picture;
  std::string fault;  ///< empty if it was read
};

/// Threads that read pictures ahead; `next` returns them in the order of the list. Thread t of n reads pictures t, t + n, ...
/// into its own queue of two pictures, so the queues in turn give the order of the list.
class Readers {
 public:
  Readers(const std::vector<ImageEntry>& images, const std::filesystem::path& folder, const ModelMetadata& metadata, int threads);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// The next picture; std::nullopt after the last.
  std::optional<Prepared> next();

 private:
  std::vector<std::unique_ptr<Queue<Prepared>>> queues_;
  std::vector<std::thread> threads_;
  std::size_t turn_ = 0;
};
