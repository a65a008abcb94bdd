// SIMD vectors, and the matrix product that convolutions are made of.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

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

// Memory for floats, uninitialized, aligned for SIMD vectors. It is kept for the next buffers, because the system clears new memory
// page by page, which takes longer than most work in it.
class Buffer {
 public:
  explicit Buffer(int64_t size) : piece_(take(divided_up(size, LANES))) {}
  ~Buffer() { give_back(std::move(piece_)); }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  float *get() const { return reinterpret_cast<float *>(piece_.lanes.get()); }

 private:
  struct Piece {
    int64_t size = 0;  // in vectors
    std::unique_ptr<Lanes[]> lanes;
  };
  struct Kept {
    std::mutex lock;
    std::vector<Piece> pieces;
    int64_t size = 0;
  };
  static constexpr int64_t MOST_KEPT = (int64_t{32} << 20) / sizeof(Lanes);
  Piece piece_;

  static Kept &kept() {
    static Kept *pieces = new Kept;  // never deleted: threads may still work when the process ends
    return *pieces;
  }

  // The smallest kept piece that suffices, or a new one.
  static Piece take(int64_t size) {
    Kept &all = kept();
    {
      const std::lock_guard<std::mutex> guard(all.lock);
      auto best = all.pieces.end();
      for (auto each = all.pieces.begin(); each != all.pieces.end(); ++each)
        if (each->size >= size && (best == all.pieces.end() || each->size < best->size)) best = each;
      if (best != all.pieces.end()) {
        Piece found = std::move(*best);
        all.pieces.erase(best);
        all.size -= found.size;
        return found;
      }
    }
    return {size, std::unique_ptr<Lanes[]>(new Lanes[size])};
  }

  // Keeps a piece; the oldest ones are freed when there are too many.
  static void give_back(Piece piece) {
    Kept &all = kept();
    const std::lock_guard<std::mutex> guard(all.lock);
    all.size += piece.size;
    all.pieces.push_back(std::move(piece));
    while (all.size > MOST_KEPT) {
      all.size -= all.pieces.front().size;
      all.pieces.erase(all.pieces.begin());
    }
  }
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
