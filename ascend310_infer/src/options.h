#pragma once

#include <filesystem>
#include <string>

/// The command line.
struct Options {
  std::filesystem::path model;
  std::filesystem::path images;
  std::filesystem::path out;
  std::filesystem::path annotations;  ///< empty: all images of the folder, numbered in sorted order
  std::filesystem::path draw;         ///< empty: nothing is drawn
  std::string device = "CPU";
  int device_id = 0;
  int threads = 0;
  bool overwrite = false;
  bool help = false;
  bool version = false;
};

extern const char* const kUsage;

/// Reads and checks the command line; throws UserError.
Options parse_options(int count, char** words);
