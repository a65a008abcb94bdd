#pragma once

#include <stdexcept>
#include <string>

/// A mistake the user can fix; what() is the whole message, one line.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A text for the terminal: control characters, which names and files may hold, become \xNN.
std::string printable(const std::string& text);
