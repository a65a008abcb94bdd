// Detects objects in pictures with an exported network and writes COCO result records; kUsage tells how.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <opencv2/core.hpp>
#include <vector>

#include "model_metadata.h"
#include "detect.h"
#include "draw.h"
#include "engine.h"
#include "errors.h"
#include "image_list.h"
#include "options.h"
#include "readers.h"
#include "record_file.h"
#include "atomic_file.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kPatience = 10;  // seconds

std::atomic<bool> stopped{false};
char unfinished[4096] = "";  // the records while they are written

[[noreturn]] void end_at_once() {
  constexpr char kWords[] = "stopped from outside, at once; the records were not written\n";
  if (unfinished[0] != 0) unlink(unfinished);
  const auto shown = write(STDERR_FILENO, kWords, sizeof kWords - 1);
  _exit(shown < 0 ? 1 : 130);
}

// The first signal asks the program to end. It may be busy in a library, or wait for a disk that is gone: then a second signal more
// than a second later (within the second it has the same cause), or SIGALRM after some seconds, ends it.
void stop(int signal) {
  static std::time_t first = 0;
  if (signal == SIGALRM) end_at_once();
  if (stopped.exchange(true)) {
    if (std::time(nullptr) - first > 1) end_at_once();
    return;
  }
  first = std::time(nullptr);
  alarm(kPatience);
}

void tell_unfinished(const std::filesystem::path& path) { std::snprintf(unfinished, sizeof unfinished, "%s", path.c_str()); }

const char* plural(std::size_t count) { return count == 1 ? "" : "s"; }

void print(const Summary& summary, const RecordFile& records, double seconds, const Options& options) {
  const double images = static_cast<double>(summary.images);
  std::printf("%zu image%s, %zu skipped, %zu detection%s in %.1f s: %.1f ms per image, of which the network %.1f ms\n",
              summary.images, plural(summary.images), summary.skipped, records.count(), plural(records.count()), seconds,
              1000 * seconds / images, 1000 * summary.network_seconds / images);
  std::printf("written: %s\n", options.out.c_str());
}

std::filesystem::path picture(const Options& options, const ImageEntry& entry) { return options.draw / (entry.name + ".jpg"); }

// Before any work is done: nothing is in the way of the outputs, and none of them would replace an input.
void check_outputs(const Options& options, const ImageList& list, const ModelMetadata& metadata) {
  std::vector<std::filesystem::path> outputs = {options.out}, inputs = {options.model, metadata.path, options.annotations};
  for (const auto& entry : list.images) {
    inputs.push_back(options.images / entry.name);
    if (!options.draw.empty()) outputs.push_back(picture(options, entry));
  }
  for (const auto& path : outputs) check_free(path, options.overwrite);
  check_apart(outputs, inputs);
}

// Returns whether the records were written; not if it was stopped.
bool run(const Options& options) {
  const ModelMetadata metadata = read_model_metadata(options.model);
  const ImageList list = options.annotations.empty() ? list_folder(options.images, metadata)
                                                     : list_annotated(options.annotations, options.images, metadata);
  check_outputs(options, list, metadata);
  RecordFile records(options.out, list, options.overwrite);
  tell_unfinished(records.unfinished());
  const auto engine =
      load_engine({options.model, metadata.input, options.device, options.device_id, options.threads});

  const auto start = Clock::now();
  cv::setNumThreads(1);  // pictures are read side by side; none is divided
  Readers readers(list.images, options.images, metadata, options.threads);
  const auto report = [&](const Found& found) {
    records.add(found);
    if (!options.draw.empty()) draw(options.images / found.entry->name, found.detections, metadata, picture(options, *found.entry));
  };
  const Summary summary = detect(metadata, *engine, readers, report, stopped);
  if (stopped) return false;
  if (summary.images == 0) throw UserError("none of the " + std::to_string(summary.skipped) + " images can be read");
  records.finish();
  unfinished[0] = 0;
  print(summary, records, std::chrono::duration<double>(Clock::now() - start).count(), options);
  return true;
}

}  // namespace

int main(int count, char** words) {
  for (const int signal : {SIGINT, SIGTERM, SIGALRM}) std::signal(signal, stop);
  if (std::signal(SIGHUP, stop) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // under nohup
  try {
    const Options options = parse_options(count, words);
    if (options.help) {
      std::cout << kUsage;
      return 0;
    }
    if (options.version) {
      std::cout << PROJECT_VERSION << "\n";
      return 0;
    }
    if (run(options)) return 0;
  } catch (const UserError& error) {
    std::cerr << "error: " << printable(error.what()) << "\n";
    return 2;
  } catch (const std::filesystem::filesystem_error& error) {  // a name that is too long, a folder that may not be entered
    std::cerr << "error: " << printable(error.path1().string() + ": " + error.code().message()) << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "unexpected: " << printable(error.what()) << "\n";
    return 1;
  }
  std::cerr << "stopped from outside; nothing was written\n";
  return 130;
}
