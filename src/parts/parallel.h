// Runs work on all processors that this process may use.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

inline int64_t processors() {
  cpu_set_t allowed;
  const bool known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
  return known ? CPU_COUNT(&allowed) : static_cast<int64_t>(std::thread::hardware_concurrency());
}

// Threads that wait for work. Starting one takes as long as a small convolution, and waking one that sleeps half as long, so they look
// for more work for a moment before they sleep.
class Helpers {
 public:
  static Helpers &all() { return **current(); }

  // Calls work(number) once for each number below `count`, 0 on this thread; false, without a call, if another thread uses the helpers.
  bool run(int64_t count, const std::function<void(int64_t)> &work) noexcept {
    const std::unique_lock<std::mutex> mine(in_use_, std::try_to_lock);
    if (!mine.owns_lock()) return false;
    for (; started_ < count - 1; ++started_) std::thread(&Helpers::wait_for_work, this, started_ + 1, round_.load()).detach();
    left_ = count - 1;
    {
      const std::lock_guard<std::mutex> guard(lock_);
      work_ = &work;
      count_ = count;
      ++round_;
    }
    wake_.notify_all();
    work(0);
    while (left_ > 0) std::this_thread::yield();
    return true;
  }

 private:
  static constexpr int LOOKS = 200;  // some 50 us
  std::mutex in_use_, lock_;
  std::condition_variable wake_;
  std::atomic<int64_t> round_{0}, left_{0};
  const std::function<void(int64_t)> *work_ = nullptr;  // of this round, as the count is
  int64_t count_ = 0, started_ = 0;

  // Never deleted: they may still wait when the process ends. A copy of a process has none of its threads, so it gets others.
  static Helpers **current() {
    static Helpers *helpers = [] {
      pthread_atfork(nullptr, nullptr, [] { *current() = new Helpers; });
      return new Helpers;
    }();
    return &helpers;
  }

  // Helper `number`, which has seen all rounds up to `seen`. A round waits for those helpers only that take part in it.
  void wait_for_work(int64_t number, int64_t seen) {
    for (;;) {
      for (int look = 0; look < LOOKS && round_ == seen; ++look) std::this_thread::yield();
      std::unique_lock<std::mutex> guard(lock_);
      wake_.wait(guard, [&] { return round_ != seen; });
      seen = round_;
      if (number >= count_) continue;
      const auto &work = *work_;
      guard.unlock();
      work(number);
      --left_;
    }
  }
};

// Calls work(number, count) once on each of `count` threads, as many as there are processors but at most `limit`; waits for all.
template <typename Work>
void on_processors(int64_t limit, const Work &work) {
  const int64_t count = std::max<int64_t>(1, std::min(processors(), limit));
  if (count == 1 || !Helpers::all().run(count, [&](int64_t number) { work(number, count); })) work(0, 1);
}
