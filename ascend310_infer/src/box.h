#pragma once

/// Corners, in pixels.
struct Box {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};
