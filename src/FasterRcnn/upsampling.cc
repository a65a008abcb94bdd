// A feature map plus a coarser one enlarged to twice its size, and the gradient, for MindSpore's ahead-of-time custom operators.
//
// MindSpore's own sum of maps of different sizes keeps a table of 16 bytes per cell from its first call on.
#include "parallel.h"

namespace {

constexpr int64_t PLANES_OF_A_THREAD = 16;  // fewer are not worth a thread

// Calls work(columns of a coarse map, first cell of the row in the coarse maps, in the fine maps) for all rows.
template <typename Work>
void for_each_coarse_row(const int64_t *coarse, const Work &work) {
  const int64_t planes = coarse[0] * coarse[1], rows = coarse[2], columns = coarse[3];
  on_processors((planes + PLANES_OF_A_THREAD - 1) / PLANES_OF_A_THREAD, [&](int64_t number, int64_t count) {
    for (int64_t plane = number; plane < planes; plane += count)
      for (int64_t row = plane * rows; row < (plane + 1) * rows; ++row) work(columns, row * columns, row * columns * 4);
  });
}

float *values(void *parameter) { return static_cast<float *>(parameter); }
}  // namespace

extern "C" {

// fine [B, C, 2H, 2W], coarse [B, C, H, W] -> fine + each cell of coarse at the 2x2 cells it covers.
int AddUpsampled(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  for_each_coarse_row(shapes[1], [&](int64_t columns, int64_t from, int64_t to) {
    const float *coarse = values(params[1]) + from, *fine = values(params[0]) + to;
    float *result = values(params[2]) + to;
    for (int64_t row = 0; row < 2; ++row, fine += 2 * columns, result += 2 * columns)
      for (int64_t x = 0; x < columns; ++x) {
        result[2 * x] = fine[2 * x] + coarse[x];
        result[2 * x + 1] = fine[2 * x + 1] + coarse[x];
      }
  });
  return 0;
}

// Gradient of the sum [B, C, 2H, 2W] -> gradient of coarse [B, C, H, W].
int CoarseGradient(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  for_each_coarse_row(shapes[1], [&](int64_t columns, int64_t to, int64_t from) {
    const float *upper = values(params[0]) + from, *lower = upper + 2 * columns;
    float *result = values(params[1]) + to;
    for (int64_t x = 0; x < columns; ++x) result[x] = upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1];
  });
  return 0;
}
}
