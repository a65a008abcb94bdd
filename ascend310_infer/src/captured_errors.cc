#include "captured_errors.h"

#include <unistd.h>

#include <system_error>

CapturedErrors::CapturedErrors() : kept_(std::tmpfile()), shown_(dup(STDERR_FILENO)) {
  if (kept_ == nullptr || shown_ < 0 || dup2(fileno(kept_), STDERR_FILENO) < 0)
    throw std::system_error(errno, std::generic_category(), "a temporary file for messages");
}

CapturedErrors::~CapturedErrors() {
  dup2(shown_, STDERR_FILENO);
  close(shown_);
  std::fclose(kept_);
}

std::string CapturedErrors::text() const {
  std::string text;
  char part[4096];
  std::rewind(kept_);
  for (std::size_t count = 0; (count = std::fread(part, 1, sizeof part, kept_)) > 0;) text.append(part, count);
  return text;
}
