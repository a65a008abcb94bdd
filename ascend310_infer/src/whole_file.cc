#include "whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "errors.h"

namespace {

namespace fs = std::filesystem;

bool sync(const fs::path& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return false;
  const bool done = fsync(file) == 0;
  const int reason = errno;
  close(file);
  errno = reason;
  return done;
}

}  // namespace

fs::path unfinished_name(const fs::path& path) {
  std::error_code failure;  // what cannot be made cannot be opened either, and is reported then
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failure);
  fs::path name = path;
  name.replace_filename("." + path.filename().string() + "." + std::to_string(getpid()) + ".tmp");
  return name;
}

void finish_file(const fs::path& unfinished, const fs::path& path) {
  const bool done = sync(unfinished, O_RDONLY) && std::rename(unfinished.c_str(), path.c_str()) == 0;
  const int reason = errno;
  if (!done) {
    unlink(unfinished.c_str());
    throw UserError(path.string() + ": cannot be written: " + std::strerror(reason));
  }
  // The new name is there already; file systems that cannot sync a folder keep it in their own time.
  sync(path.has_parent_path() ? path.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
}
