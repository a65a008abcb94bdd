#include "regular_file.h"

#include "errors.h"

namespace fs = std::filesystem;

bool is_regular(const fs::path& path) {
  std::error_code failure;  // then it is none
  return fs::is_regular_file(path, failure);
}

void check_regular(const fs::path& path) {
  std::error_code failure;
  const auto status = fs::status(path, failure);
  if (!fs::status_known(status) || status.type() == fs::file_type::not_found)
    throw UserError(path.string() + ": cannot be read: " + failure.message());
  if (status.type() != fs::file_type::regular)
    throw UserError(path.string() + ": not a regular file, but a folder, FIFO, device or socket");
}
