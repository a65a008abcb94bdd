// Weights of a convolution times a factor per output channel, and the gradients, for MindSpore's ahead-of-time custom operators.
//
// MindSpore's own product keeps a table of 16 bytes per weight from its first call on.
#include "matrix_product.h"
#include "parallel.h"

namespace {

constexpr int64_t ROWS_OF_A_THREAD = 64;  // fewer are not worth a thread

// Calls work(output channel, its first weight, weights per output channel) for weights [out, ...].
template <typename Work>
void for_each_row(int dimensions, const int64_t *shape, const Work &work) {
  int64_t size = 1;
  for (int axis = 1; axis < dimensions; ++axis) size *= shape[axis];
  on_processors(divided_up(shape[0], ROWS_OF_A_THREAD), [&](int64_t number, int64_t count) {
    for (int64_t row = number; row < shape[0]; row += count) work(row, row * size, size);
  });
}

float *values(void *parameter) { return static_cast<float *>(parameter); }
}  // namespace

extern "C" {

// w [out, ...], factor [out] -> w * factor.
int Fold(int, void **params, int *dimensions, int64_t **shapes, const char **, void *, void *) {
  for_each_row(dimensions[0], shapes[0], [&](int64_t row, int64_t first, int64_t size) {
    const float *w = values(params[0]) + first, factor = values(params[1])[row];
    float *folded = values(params[2]) + first;
    for (int64_t i = 0; i < size; ++i) folded[i] = w[i] * factor;
  });
  return 0;
}

// w [out, ...], factor [out], gradient of w * factor -> gradient of w, gradient of factor.
int FoldGradient(int, void **params, int *dimensions, int64_t **shapes, const char **, void *, void *) {
  for_each_row(dimensions[0], shapes[0], [&](int64_t row, int64_t first, int64_t size) {
    const float *w = values(params[0]) + first, factor = values(params[1])[row], *gradient = values(params[2]) + first;
    float *to_w = values(params[3]) + first;
    Lanes totals{};
    int64_t i = 0;
    for (; i + LANES <= size; i += LANES) {
      const Lanes some = load(gradient + i);
      totals += some * load(w + i);
      store(to_w + i, some * factor);
    }
    float total = sum(totals);
    for (; i < size; ++i) {
      total += gradient[i] * w[i];
      to_w[i] = gradient[i] * factor;
    }
    values(params[4])[row] = total;
  });
  return 0;
}
}
