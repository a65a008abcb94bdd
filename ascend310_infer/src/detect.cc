#include "detect.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <thread>

#include "errors.h"

namespace {

constexpr std::size_t kWaiting = 8;  // images whose detections wait to be written

/// A thread that reports; its first exception closes the queue and is thrown again by finish().
class Reporter {
 public:
  explicit Reporter(const Report& report) : queue_(kWaiting), thread_([this, &report] { work(report); }) {}
  ~Reporter() { stop(); }

  bool add(Found found) { return queue_.push(std::move(found)); }

  void finish() {
    stop();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void work(const Report& report) {
    try {
      while (const auto found = queue_.pop()) report(*found);
    } catch (...) {
      failure_ = std::current_exception();
      queue_.close();
    }
  }
  void stop() {
    queue_.close();
    if (thread_.joinable()) thread_.join();
  }

  Queue<Found> queue_;
  std::exception_ptr failure_;
  std::thread thread_;
};

/// Up to a batch of pictures; those that cannot be read are named and counted.
std::vector<Prepared> next_batch(Readers& readers, std::size_t size, Summary* summary) {
  std::vector<Prepared> batch;
  while (batch.size() < size) {
    auto prepared = readers.next();
    if (!prepared) break;
    if (prepared->fault.empty()) {
      batch.push_back(std::move(*prepared));
    } else {
      std::cerr << "skipped: " << printable(prepared->fault) << "\n";
      ++summary->skipped;
    }
  }
  return batch;
}

// A network computes whole batches: the last picture fills up the last one.
void fill(const std::vector<Prepared>& batch, const ModelMetadata& metadata, std::vector<float>* images) {
  const std::size_t one = images->size() / static_cast<std::size_t>(metadata.batch());
  for (std::size_t row = 0; row * one < images->size(); ++row)
    copy_planes(batch[std::min(row, batch.size() - 1)].picture.pixels, images->data() + row * one);
}

}  // namespace

Summary detect(const ModelMetadata& metadata, Engine& engine, Readers& readers, const Report& report, const std::atomic<bool>& stop) {
  using Clock = std::chrono::steady_clock;
  Summary summary;
  Reporter reporter(report);
  const auto size = static_cast<std::size_t>(metadata.batch());
  std::vector<float> images(size * 3 * static_cast<std::size_t>(metadata.height()) * static_cast<std::size_t>(metadata.width()));
  bool going = true;
  while (going && !stop) {
    const auto batch = next_batch(readers, size, &summary);
    if (batch.empty()) break;
    fill(batch, metadata, &images);
    const auto start = Clock::now();
    const auto outputs = engine.run(images);
    summary.network_seconds += std::chrono::duration<double>(Clock::now() - start).count();
    check_outputs(outputs, metadata);
    for (std::size_t row = 0; row < batch.size() && going; ++row)
      going = reporter.add({batch[row].entry, batch[row].picture.original,
                            in_original_pixels(outputs, row, batch[row].picture, metadata)});
    summary.images += batch.size();
  }
  reporter.finish();
  return summary;
}
