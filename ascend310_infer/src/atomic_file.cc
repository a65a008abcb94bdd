#include "atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>

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

using Identity = std::pair<dev_t, ino_t>;

// Which file it is, whatever its name; none if there is no file.
std::optional<Identity> identity(const fs::path& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return std::nullopt;
  return Identity(found.st_dev, found.st_ino);
}

// The folder of a path; where it is missing and will be made, the nearest above it that is there.
fs::path folder_of(const fs::path& path) {
  std::error_code failure;
  fs::path folder = path.parent_path();
  while (folder.has_relative_path() && !fs::exists(fs::symlink_status(folder, failure))) folder = folder.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

bool takes_files(const fs::path& folder) { return access(folder.c_str(), W_OK | X_OK) == 0; }

bool is_mounted_read_only(const fs::path& folder) {
  struct statvfs found = {};
  return statvfs(folder.c_str(), &found) == 0 && (found.f_flag & ST_RDONLY) != 0;
}

// A path as a word of a shell.
std::string quoted(const fs::path& path) {
  std::string word = "'";
  for (const char one : path.string()) word += one == '\'' ? std::string("'\\''") : std::string(1, one);
  return word + "'";
}

// What to do about a reason of the disk, as `disk_remedy` in src/errors.py says it; empty for others.
std::string disk_remedy(int reason, const std::string& place) {
  switch (reason) {
    case ENOSPC:
      return "make room on the disk of " + place + " (df -h, df -i)";
    case EDQUOT:
      return "your quota on the disk of " + place + " is used up: remove files of yours there";
    case EFBIG:
      return place + " or a limit of the shell (ulimit -f) allows no file of this size: raise that";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EIO:
    case ENXIO:
    case ENODEV:
    case ESTALE:
    case ENOTCONN:
    case ETIMEDOUT:
      return "the disk or network mount of " + place + " has a fault: correct that (dmesg tells more)";
    default:
      return "";
  }
}

}  // namespace

UserError cannot_write(const fs::path& path, int reason) {
  const std::string remedy = disk_remedy(reason, folder_of(path).string());
  const std::string what = reason == 0 ? "the system gives no reason" : std::strerror(reason);
  if (remedy.empty()) return cannot_write(path, what);
  return UserError(path.string() + ": cannot be written: " + what + "; " + remedy + ", or choose another folder for the output");
}

UserError cannot_write(const fs::path& path, const std::string& reason) {
  const fs::path folder = folder_of(path);
  std::string remedy;
  if (is_mounted_read_only(folder))
    remedy = "; " + folder.string() + " is mounted read-only: mount it for writing, or choose another folder for the output";
  else if (!takes_files(folder))
    remedy = "; allow to write to " + folder.string() + " (chmod u+rwx " + quoted(folder) + "), or choose another folder for the output";
  return UserError(path.string() + ": cannot be written: " + reason + remedy);
}

void check_free(const fs::path& path, bool overwrite) {
  std::error_code failure;
  const auto target = fs::status(path, failure);
  if (failure == std::errc::filename_too_long) throw cannot_write(path, ENAMETOOLONG);
  if (path.filename().empty() || fs::is_directory(target))
    throw UserError(path.string() + ": is a folder, expected the name of a file");
  if (fs::exists(target) && !fs::is_regular_file(target))
    throw UserError(path.string() + ": is a FIFO, device or socket, expected the name of a file");
  if (fs::exists(fs::symlink_status(path, failure)) && !overwrite)
    throw UserError(path.string() + ": exists already; give --overwrite to replace it, or another name");
  const fs::path folder = folder_of(path);
  if (!fs::is_directory(folder, failure)) throw cannot_write(path, folder.string() + " is not a folder");
  if (!takes_files(folder)) throw cannot_write(path, errno);
}

void check_apart(const std::vector<fs::path>& outputs, const std::vector<fs::path>& inputs) {
  std::map<Identity, fs::path> written;
  for (const auto& path : outputs)
    if (const auto file = identity(path)) written[*file] = path;
  if (written.empty()) return;
  for (const auto& path : inputs) {
    const auto file = identity(path);
    if (file && written.count(*file) > 0)
      throw UserError(written[*file].string() + ": would replace the input " + path.string() + "; choose another name or folder");
  }
}

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
    throw cannot_write(path, reason);
  }
  // The new name is there already; file systems that cannot sync a folder keep it in their own time.
  sync(path.has_parent_path() ? path.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
}
