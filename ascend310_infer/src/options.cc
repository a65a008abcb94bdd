#include "options.h"

#include <getopt.h>

#include <algorithm>
#include <set>
#include <thread>

#include "errors.h"

const char* const kUsage =
    R"(usage: main --model MODEL --images FOLDER --out detections.json [options]

Detects objects in pictures and writes COCO result records, with masks if the model gives them. Beside the model lies its metadata, MODEL with the ending .json.

  --model FILE         .onnx (OpenVINO, on CPU) or .mindir, .ms, .om (MindSpore Lite)
  --images FOLDER      its pictures, sub-folders included
  --out FILE           the records, a JSON array
  --annotations FILE   a COCO file: its images, their ids and the ids of its categories
                       (without it: all pictures of the folder, numbered from 1 in sorted order; records carry "file_name")
  --device NAME        CPU (default), GPU, Ascend, Ascend310; only CPU was ever run
  --device_id NUMBER   which of several devices, from 0 (default 0)
  --threads NUMBER     threads that compute on CPU, and threads that read pictures (default: all cores)
  --draw FOLDER        also draw what was found into pictures of this folder
  --overwrite          replace FILE of --out, and pictures, that exist
  --version            print the version of the project
)";

namespace {

int number(const std::string& key, const std::string& text, int least, int most) {
  std::size_t used = 0;
  int value = least - 1;
  try {
    value = std::stoi(text, &used);
  } catch (const std::exception&) {
    used = 0;  // reported below, with everything else that is no such number
  }
  if (used != text.size() || value < least || value > most)
    throw UserError("--" + key + " must be a number from " + std::to_string(least) + " to " + std::to_string(most) +
                    ", not '" + text + "'");
  return value;
}

void check(const Options& options) {
  std::string missing;
  if (options.model.empty()) missing += " --model";
  if (options.images.empty()) missing += " --images";
  if (options.out.empty()) missing += " --out";
  if (!missing.empty()) throw UserError("missing:" + missing + " (main --help tells all options)");
  const std::set<std::string> devices = {"CPU", "GPU", "Ascend", "Ascend310"};
  if (devices.count(options.device) == 0)
    throw UserError("--device must be CPU, GPU, Ascend or Ascend310, not '" + options.device + "'");
}

}  // namespace

Options parse_options(int count, char** words) {
  const option known[] = {{"model", required_argument, nullptr, 'm'},  {"images", required_argument, nullptr, 'i'},
                          {"out", required_argument, nullptr, 'o'},    {"annotations", required_argument, nullptr, 'a'},
                          {"draw", required_argument, nullptr, 'p'},   {"device", required_argument, nullptr, 'd'},
                          {"device_id", required_argument, nullptr, 'n'}, {"threads", required_argument, nullptr, 't'},
                          {"overwrite", no_argument, nullptr, 'w'},    {"help", no_argument, nullptr, 'h'},
                          {"version", no_argument, nullptr, 'v'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  opterr = 0;  // messages are ours
  int found = 0;
  while (true) {
    const int place = std::min(std::max(optind, 1), count - 1);
    found = getopt_long(count, words, ":", known, nullptr);
    if (found == -1) break;
    const std::string value = optarg == nullptr ? "" : optarg;
    switch (found) {
      case 'm': options.model = value; break;
      case 'i': options.images = value; break;
      case 'o': options.out = value; break;
      case 'a': options.annotations = value; break;
      case 'p': options.draw = value; break;
      case 'd': options.device = value; break;
      case 'n': options.device_id = number("device_id", value, 0, 1023); break;
      case 't': options.threads = number("threads", value, 1, 1024); break;
      case 'w': options.overwrite = true; break;
      case 'h': options.help = true; return options;
      case 'v': options.version = true; return options;
      case ':': throw UserError(std::string(words[place]) + " needs a value");
      default: throw UserError("unknown option " + std::string(words[place]) + " (main --help tells all options)");
    }
  }
  if (optind < count) throw UserError("what is '" + std::string(words[optind]) + "'? Options are --key value");
  if (options.threads == 0) options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  check(options);
  return options;
}
