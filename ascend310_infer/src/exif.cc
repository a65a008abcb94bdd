#include "exif.h"

#include "bytes.h"

namespace {

constexpr unsigned kOrientationTag = 0x0112;  // EXIF 2.3, table 4

// Bytes of a whole number of a type, TIFF 6.0, section 2; 0 of text, fractions and single bytes, which are no orientation.
int bytes_of(unsigned type) {
  const bool is_short = type == 3 || type == 8, is_long = type == 4 || type == 9;
  return is_short ? 2 : is_long ? 4 : 0;
}

// A segment begins with FF and a marker. Before the picture data, two bytes of length follow, which count themselves too.
Bytes exif_of_jpeg(const Bytes& file) {
  std::size_t at = 2;
  while (file.number(at, 1) == 0xFF) {
    const auto marker = file.number(at + 1, 1);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xDA || marker == 0xD9) break;  // picture data, end
    const auto length = file.number(at + 2, 2);
    if (length < 2) break;
    if (marker == 0xE1 && file.has(at + 4, "Exif\0\0", 6)) return file.part(at + 4, length - 2);
    at += 2 + length;
  }
  return {};
}

// Chunks of length, name, data and checksum; as Pillow does, only those before the picture data count.
Bytes exif_of_png(const Bytes& file) {
  for (std::size_t at = 8; at + 8 < file.size && !file.has(at + 4, "IDAT", 4); at += 12 + file.number(at, 4))
    if (file.has(at + 4, "eXIf", 4)) return file.part(at + 8, file.number(at, 4));
  return {};
}

// Chunks of name, length and data; the data are padded to an even length.
Bytes exif_of_webp(Bytes file) {
  file.little_endian = true;
  for (std::size_t at = 12; at + 8 < file.size;) {
    const std::size_t length = file.number(at + 4, 4);
    if (file.has(at, "EXIF", 4)) return file.part(at + 8, length);
    at += 8 + length + length % 2;
  }
  return {};
}

Bytes find_exif(const Bytes& file) {
  if (file.has(0, "\xFF\xD8", 2)) return exif_of_jpeg(file);
  if (file.has(0, "\x89PNG\r\n\x1A\n", 8)) return exif_of_png(file);
  if (file.has(0, "RIFF", 4) && file.has(8, "WEBP", 4)) return exif_of_webp(file);
  return {};
}

}  // namespace

// Keep in sync with _orientation in src/data/images.py.
int exif_orientation(const std::vector<unsigned char>& file) {
  Bytes exif = find_exif({file.data(), file.size()});
  while (exif.has(0, "Exif\0\0", 6)) exif = exif.part(6, exif.size - 6);
  exif.little_endian = exif.has(0, "II", 2);
  if (!exif.little_endian && !exif.has(0, "MM", 2)) return 1;  // damaged
  const std::size_t directory = exif.number(4, 4);
  const auto count = exif.number(directory, 2);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;  // tag, type, count, value
    if (exif.number(entry, 2) != kOrientationTag) continue;
    const int bytes = bytes_of(exif.number(entry + 2, 2));
    const auto value = bytes && exif.number(entry + 4, 4) == 1 ? exif.number(entry + 8, bytes) : 1;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}
