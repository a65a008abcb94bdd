#pragma once

#include <filesystem>
#include <string>

/// SHA-256 of a file in hexadecimal; throws UserError if it cannot be read.
std::string file_hash(const std::filesystem::path& path);
