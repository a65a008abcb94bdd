#pragma once

#include <cstdio>
#include <string>

/// While it lives, what this process writes to standard error (file descriptor 2) is kept instead of shown.
class CapturedErrors {
 public:
  CapturedErrors();
  ~CapturedErrors();
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;

  std::string text() const;

 private:
  std::FILE* kept_;
  int shown_;
};
