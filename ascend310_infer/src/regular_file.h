#pragma once

#include <filesystem>

/// Whether there is a regular file, or a link to one; false, too, where the system refuses to say (a link to itself, a name that
/// is too long).
bool is_regular(const std::filesystem::path& path);

/// Throws UserError unless there is a regular file that can be opened. To open a FIFO waits for a writer, perhaps for ever, and
/// a device may never end.
void check_regular(const std::filesystem::path& path);
