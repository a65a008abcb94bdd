#pragma once

#include <cstdint>
#include <cstring>

/// A stretch of a file; reading beyond its end gives 0.
struct Bytes {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  bool little_endian = false;

  std::uint32_t number(std::size_t at, int length) const {
    std::uint32_t value = 0;
    if (at > size || size - at < static_cast<std::size_t>(length)) return 0;
    for (int i = 0; i < length; ++i) value = value << 8 | data[at + static_cast<std::size_t>(little_endian ? length - 1 - i : i)];
    return value;
  }
  bool has(std::size_t at, const char* text, std::size_t length) const {
    return at <= size && size - at >= length && std::memcmp(data + at, text, length) == 0;
  }
  Bytes part(std::size_t at, std::size_t length) const {
    return at <= size && length <= size - at ? Bytes{data + at, length, little_endian} : Bytes{};
  }
};
