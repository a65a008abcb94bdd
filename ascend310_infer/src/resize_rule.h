#pragma once

#include <array>
#include <optional>

/// Which size a picture of w x h pixels gets.
struct ResizeRule {
  bool keep_ratio = true;                   ///< both sides are scaled by min(width / w, height / h), else it is stretched to the input
  std::optional<std::array<int, 2>> sides;  ///< the shorter side becomes the first, or less if the longer one would exceed the second
};
