// L2 norms of many tensors by one pass over each, for MindSpore's ahead-of-time custom operators.
//
// Tensors are cut into pieces of PIECE numbers, whose sums are added in a fixed order, so the result is the same for any number of threads.
#include <atomic>
#include <cmath>

#include "parallel.h"

namespace {

constexpr int64_t PIECE = 1 << 16;
constexpr int64_t LANES = 16;  // sums side by side, so that one addition need not wait for the one before

struct Piece {
  const float *values;
  int64_t count;
};

// Sum of squares; infinite if a square overflows float32.
double sum_of_squares(const Piece &piece) {
  float sums[LANES] = {};
  int64_t i = 0;
  for (; i + LANES <= piece.count; i += LANES)
    for (int64_t lane = 0; lane < LANES; ++lane) sums[lane] += piece.values[i + lane] * piece.values[i + lane];
  double total = 0;
  for (; i < piece.count; ++i) total += piece.values[i] * piece.values[i];
  for (const float sum : sums) total += sum;
  return total;
}
}  // namespace

extern "C" {

// Any number of tensors -> their norms [number].
int Norms(int count, void **params, int *dimensions, int64_t **shapes, const char **, void *, void *) {
  const int tensors = count - 1;
  std::vector<Piece> pieces;
  std::vector<size_t> ends;
  for (int i = 0; i < tensors; ++i) {
    int64_t size = 1;
    for (int axis = 0; axis < dimensions[i]; ++axis) size *= shapes[i][axis];
    for (int64_t begin = 0; begin < size; begin += PIECE)
      pieces.push_back({static_cast<const float *>(params[i]) + begin, std::min(PIECE, size - begin)});
    ends.push_back(pieces.size());
  }
  std::vector<double> sums(pieces.size());
  std::atomic<size_t> next{0};
  on_processors(static_cast<int64_t>(pieces.size()), [&](int64_t, int64_t) {
    for (size_t i = next++; i < pieces.size(); i = next++) sums[i] = sum_of_squares(pieces[i]);
  });
  size_t piece = 0;
  for (int i = 0; i < tensors; ++i) {
    double total = 0;
    for (; piece < ends[i]; ++piece) total += sums[piece];
    static_cast<float *>(params[tensors])[i] = static_cast<float>(std::sqrt(total));
  }
  return 0;
}
}
