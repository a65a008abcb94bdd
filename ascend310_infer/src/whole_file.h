#pragma once

#include <filesystem>

/// A hidden name beside `path`, of this process alone; folders that are missing are made.
std::filesystem::path unfinished_name(const std::filesystem::path& path);

/// Give a complete, closed file its name: synced, renamed, its folder synced, so that also after a power cut there is the
/// old file or the whole new one. Throws UserError, and then the unfinished file is removed.
void finish_file(const std::filesystem::path& unfinished, const std::filesystem::path& path);
