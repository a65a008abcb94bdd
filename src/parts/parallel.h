// Runs work on all processors that this process may use.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

inline int64_t processors() {
  cpu_set_t allowed;
  const bool known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
  return known ? CPU_COUNT(&allowed) : static_cast<int64_t>(std::thread::hardware_concurrency());
}

// Calls work(number, count) once on each of `count` threads, as many as there are processors but at most `limit`; waits for all.
template <typename Work>
void on_processors(int64_t limit, const Work &work) {
  const int64_t count = std::max<int64_t>(1, std::min(processors(), limit));
  std::vector<std::thread> helpers;
  for (int64_t number = 1; number < count; ++number) helpers.emplace_back(work, number, count);
  work(0, count);
  for (auto &helper : helpers) helper.join();
}
