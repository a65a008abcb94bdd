#include "cut_off.h"

#include "bytes.h"

namespace {

constexpr std::uint32_t kEnd = 0xD9, kFirstRestart = 0xD0, kStart = 0xD8;

// Whether a marker has no data. All others are followed by two bytes of length, which count themselves too.
bool has_no_data(std::uint32_t marker) { return marker <= 1 || (marker >= kFirstRestart && marker <= kStart); }

// A marker is FF and a number; in the data of a scan FF 00 stands for the byte FF. Bytes between segments are skipped, as by libjpeg.
bool is_cut_jpeg(const Bytes& file) {
  std::size_t at = 2;
  while (at + 1 < file.size) {
    const auto marker = file.number(at + 1, 1);
    if (file.data[at] != 0xFF || marker == 0xFF) {
      ++at;
      continue;
    }
    if (marker == kEnd) return false;
    at += has_no_data(marker) ? 2 : 2 + file.number(at + 2, 2);
  }
  return true;
}

// Chunks of length, name, data and checksum.
bool is_cut_png(const Bytes& file) {
  for (std::size_t at = 8; at + 12 <= file.size;) {
    const std::size_t length = file.number(at, 4);
    if (file.size - at - 12 < length) return true;
    if (file.has(at + 4, "IEND", 4)) return false;
    at += 12 + length;
  }
  return true;
}

}  // namespace

bool is_cut_off(const std::vector<unsigned char>& file) {
  const Bytes bytes{file.data(), file.size()};
  if (bytes.has(0, "\xFF\xD8", 2)) return is_cut_jpeg(bytes);
  if (bytes.has(0, "\x89PNG\r\n\x1A\n", 8)) return is_cut_png(bytes);
  return false;
}
