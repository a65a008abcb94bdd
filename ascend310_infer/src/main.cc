// Detects objects in pictures with an exported network and writes COCO result records; kUsage tells how.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <opencv2/core.hpp>

#include "model_metadata.h"
#include "detect.h"
#include "draw.h"
#include "engine.h"
#include "errors.h"
#include "image_list.h"
#include "options.h"
#include "readers.h"
#include "record_file.h"

namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> stopped{false};

void stop(int) { stopped = true; }

void print(const Summary& summary, const RecordFile& records, double seconds, const Options& options) {
  const double images = static_cast<double>(summary.images);
  std::printf("%zu images, %zu skipped, %zu detections in %.1f s: %.1f ms per image, of which the network %.1f ms\n",
              summary.images, summary.skipped, records.count(), seconds, 1000 * seconds / images,
              1000 * summary.network_seconds / images);
  std::printf("written: %s\n", options.out.c_str());
}

void run(const Options& options) {
  const ModelMetadata metadata = read_model_metadata(options.model);
  const ImageList list = options.annotations.empty() ? list_folder(options.images, metadata)
                                                     : list_annotated(options.annotations, options.images, metadata);
  RecordFile records(options.out, list, options.overwrite);
  const auto picture = [&](const ImageEntry& entry) { return options.draw / (entry.name + ".jpg"); };
  if (!options.draw.empty() && !options.overwrite)
    for (const auto& entry : list.images)
      if (std::filesystem::exists(picture(entry)))
        throw UserError(picture(entry).string() + ": exists already; give --overwrite to replace it, or another folder");
  const auto engine =
      load_engine({options.model, metadata.input, options.device, options.device_id, options.threads});

  const auto start = Clock::now();
  cv::setNumThreads(1);  // pictures are read side by side; none is divided
  Readers readers(list.images, options.images, metadata, options.threads);
  const auto report = [&](const Found& found) {
    records.add(found);
    if (!options.draw.empty()) draw(options.images / found.entry->name, found.detections, metadata, picture(*found.entry));
  };
  const Summary summary = detect(metadata, *engine, readers, report, stopped);
  if (stopped) return;
  if (summary.images == 0) throw UserError("none of the " + std::to_string(summary.skipped) + " images can be read");
  records.finish();
  print(summary, records, std::chrono::duration<double>(Clock::now() - start).count(), options);
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
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
    run(options);
  } catch (const UserError& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "unexpected: " << error.what() << "\n";
    return 1;
  }
  if (stopped) {
    std::cerr << "stopped from outside; nothing was written\n";
    return 130;
  }
  return 0;
}
