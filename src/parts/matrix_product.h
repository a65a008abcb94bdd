// SIMD vectors, and the matrix product that convolutions are made of.
#pragma once

#include <cstdint>
#include <memory>

// A product of ROWS rows and VECTORS vectors of LANES columns fits the registers.
#ifdef __AVX512F__
constexpr int64_t LANES = 16, ROWS = 8, VECTORS = 3;
#else
constexpr int64_t LANES = 8, ROWS = 6, VECTORS = 2;
#endif
static_assert(VECTORS <= 3, "multiply has products of 1 and 2 vectors for the rest");

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef float Unaligned __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

constexpr int64_t divided_up(int64_t value, int64_t by) { return (value + by - 1) / by; }
constexpr int64_t rounded_up(int64_t value, int64_t by) { return divided_up(value, by) * by; }

inline Lanes load(const float *from) { return *reinterpret_cast<const Unaligned *>(from); }
inline void store(float *to, const Lanes &values) { *reinterpret_cast<Unaligned *>(to) = values; }

// Memory for floats, uninitialized, aligned for SIMD vectors.
class Buffer {
 public:
  explicit Buffer(int64_t size) : lanes_(new Lanes[divided_up(size, LANES)]) {}
  float *get() const { return reinterpret_cast<float *>(lanes_.get()); }

 private:
  std::unique_ptr<Lanes[]> lanes_;
};

inline float sum(const Lanes &values) {
  float total = 0;
  for (int64_t lane = 0; lane < LANES; ++lane) total += values[lane];
  return total;
}

inline float sum(const float *values, int64_t count) {
  Lanes totals{};
  int64_t place = 0;
  for (; place + LANES <= count; place += LANES) totals += load(values + place);
  float total = sum(totals);
  for (; place < count; ++place) total += values[place];
  return total;
}

// c[r][.] (+)= sum over d of a[r][d] * b[d][.], for ROWS rows r and WIDTH vectors of columns. The steps are floats from a row to the next.
template <int64_t WIDTH, bool ADD>
void multiply_columns(const float *a, int64_t a_step, const float *b, int64_t b_step, int64_t depth, float *c, int64_t c_step) {
  Lanes sums[ROWS][WIDTH];
  for (int64_t r = 0; r < ROWS; ++r)
    for (int64_t v = 0; v < WIDTH; ++v) sums[r][v] = ADD ? load(c + r * c_step + v * LANES) : Lanes{};
  for (int64_t d = 0; d < depth; ++d, ++a, b += b_step) {
    Lanes right[WIDTH];
    for (int64_t v = 0; v < WIDTH; ++v) right[v] = load(b + v * LANES);
    for (int64_t r = 0; r < ROWS; ++r)
      for (int64_t v = 0; v < WIDTH; ++v) sums[r][v] += a[r * a_step] * right[v];
  }
  for (int64_t r = 0; r < ROWS; ++r)
    for (int64_t v = 0; v < WIDTH; ++v) store(c + r * c_step + v * LANES, sums[r][v]);
}

// The same for any number of vectors of columns.
template <bool ADD>
void multiply(int64_t vectors, const float *a, int64_t a_step, const float *b, int64_t b_step, int64_t depth, float *c, int64_t c_step) {
  for (; vectors >= VECTORS; vectors -= VECTORS, b += VECTORS * LANES, c += VECTORS * LANES)
    multiply_columns<VECTORS, ADD>(a, a_step, b, b_step, depth, c, c_step);
  if (vectors > 1)
    multiply_columns<2, ADD>(a, a_step, b, b_step, depth, c, c_step);
  else if (vectors == 1)
    multiply_columns<1, ADD>(a, a_step, b, b_step, depth, c, c_step);
}
