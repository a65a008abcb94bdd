#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

/// Hands values from one thread to another; whoever is ahead waits, so no more than `room` values are ever held.
template <typename Value>
class Queue {
 public:
  explicit Queue(std::size_t room) : room_(room) {}

  /// Waits for room; false if the queue was closed, and the value is dropped.
  bool push(Value value) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || values_.size() < room_; });
    if (closed_) return false;
    values_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }

  /// Waits for a value; nothing once the queue was closed and is empty.
  std::optional<Value> pop() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !values_.empty(); });
    if (values_.empty()) return std::nullopt;
    Value value = std::move(values_.front());
    values_.pop_front();
    changed_.notify_all();
    return value;
  }

  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t room_;
  std::deque<Value> values_;
  bool closed_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};
