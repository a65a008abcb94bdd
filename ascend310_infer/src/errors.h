#pragma once

#include <stdexcept>

/// A mistake the user can mend; what() is the whole message, one line.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
