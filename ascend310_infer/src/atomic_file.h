#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "errors.h"

/// The error of a file that cannot be written for a reason, with the remedy where its folder may not be written to.
UserError cannot_write(const std::filesystem::path& path, const std::string& reason);

/// The same for a reason of the system, an errno (0: it gave none), with the remedy for it.
UserError cannot_write(const std::filesystem::path& path, int reason);

/// Throws UserError if there is something that may not be overwritten, or that no file can replace: a folder, FIFO, device or socket;
/// or if its folder cannot be written to.
void check_free(const std::filesystem::path& path, bool overwrite);

/// Throws UserError if one of the outputs is the same file as one of the inputs, which it would replace.
void check_apart(const std::vector<std::filesystem::path>& outputs, const std::vector<std::filesystem::path>& inputs);

/// A hidden name beside `path`, of this process alone; folders that are missing are made.
std::filesystem::path unfinished_name(const std::filesystem::path& path);

/// Give a complete, closed file its name: synced, renamed, its folder synced, so that also after a power cut there is the
/// old file or the complete new one. Throws UserError, and then the unfinished file is removed.
void finish_file(const std::filesystem::path& unfinished, const std::filesystem::path& path);
