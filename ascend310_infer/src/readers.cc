#include "readers.h"

#include <algorithm>

#include "errors.h"
#include "image_file.h"

namespace {

constexpr std::size_t kQueued = 2;  // prepared pictures per thread that wait for detection

Prepared prepare(const ImageEntry& entry, const std::filesystem::path& folder, const ModelMetadata& metadata) {
  Prepared prepared;
  prepared.entry = &entry;
  try {
    prepared.picture = fit_to_input(read_image(folder / entry.name), metadata.height(), metadata.width(), metadata.resize);
  } catch (const UserError& error) {
    prepared.fault = error.what();
  } catch (const std::exception& error) {  // such as std::bad_alloc
    prepared.fault = entry.name + ": " + error.what();
  }
  return prepared;
}

}  // namespace

Readers::Readers(const std::vector<ImageEntry>& images, const std::filesystem::path& folder, const ModelMetadata& metadata, int threads) {
  const auto count = std::min(images.size(), static_cast<std::size_t>(threads));
  for (std::size_t first = 0; first < count; ++first) {
    auto& queue = *queues_.emplace_back(std::make_unique<Queue<Prepared>>(kQueued));
    threads_.emplace_back([&images, folder, &metadata, &queue, first, count] {
      for (std::size_t index = first; index < images.size(); index += count)
        if (!queue.push(prepare(images[index], folder, metadata))) return;
      queue.close();
    });
  }
}

Readers::~Readers() {
  for (auto& queue : queues_) queue->close();
  for (auto& thread : threads_) thread.join();
}

std::optional<Prepared> Readers::next() { return queues_[turn_++ % queues_.size()]->pop(); }
