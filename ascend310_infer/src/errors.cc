#include "errors.h"

namespace {

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7F; }

}  // namespace

std::string printable(const std::string& text) {
  constexpr const char* digits = "0123456789abcdef";
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto next = static_cast<unsigned char>(at + 1 < text.size() ? text[at + 1] : 'x');
    const bool is_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;  // U+0080 to U+009F in UTF-8
    if (is_c1) ++at;
    const auto code = is_c1 ? next : byte;
    if (is_c1 || is_control(byte))
      result += std::string("\\x") + digits[code >> 4] + digits[code & 15];
    else
      result += text[at];
  }
  return result;
}
