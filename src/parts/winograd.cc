// 3x3 convolutions of stride 1 and padding 1 by minimal filtering, F(2x2, 3x3), and their gradients, for MindSpore's ahead-of-time
// custom operators. Lavin and Gray 2016, Fast Algorithms for Convolutional Neural Networks, section 4.1.
//
// The output is cut into tiles of 2x2 cells; a tile depends on 4x4 cells of the input. Tiles and weights become 16 numbers each (their
// "waves"), and then a convolution is one matrix product a wave: 16 multiplications where the definition takes 36. Sums are those of the
// definition to rounding, and always the same for the same number of processors.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>

#include "parallel.h"

namespace {

#ifdef __AVX512F__
constexpr int64_t LANES = 16;
#else
constexpr int64_t LANES = 8;
#endif
typedef float Vector __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));

constexpr int64_t WAVES = 16;
constexpr int64_t ROWS = 6;             // rows and
constexpr int64_t COLUMNS = 2 * LANES;  // columns of a product that fit the processor's registers
constexpr int64_t BLOCK = 32;           // tiles at a time: their waves stay in a cache
constexpr int64_t GRADIENT_BLOCK = 64;  // the same where the products are summed over tiles

using Buffer = std::unique_ptr<float[]>;
using Square = std::array<std::array<float, 4>, 4>;

int64_t divided_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

// Images [images, channels, height, width], of which the channels do not matter here, as a row of tiles.
struct Tiling {
  int64_t images, height, width;
  int64_t rows = divided_up(height, 2), columns = divided_up(width, 2);
  int64_t tiles = images * rows * columns;

  // Calls visit(image, tile row, tile column, count, place) for the pieces of tiles [begin, end) that lie in one row each.
  template <typename Visit>
  void for_each_piece(int64_t begin, int64_t end, const Visit &visit) const {
    for (int64_t tile = begin; tile < end;) {
      const int64_t column = tile % columns, row = tile / columns;
      const int64_t count = std::min(columns - column, end - tile);
      visit(row / rows, row % rows, column, count, tile - begin);
      tile += count;
    }
  }
};

// c[r][.] (+)= sum over d of a[d][r] * b[d][.], with ROWS values of a and COLUMNS of b and c.
template <bool ADD>
void multiply(const float *a, const float *b, int64_t b_step, int64_t depth, float *c, int64_t c_step) {
  Vector sum[ROWS][2];
  for (int64_t r = 0; r < ROWS; ++r)
    for (int64_t v = 0; v < 2; ++v) sum[r][v] = ADD ? *reinterpret_cast<const Vector *>(c + r * c_step + v * LANES) : Vector{};
  for (int64_t d = 0; d < depth; ++d, a += ROWS, b += b_step) {
    const Vector left = *reinterpret_cast<const Vector *>(b), right = *reinterpret_cast<const Vector *>(b + LANES);
    for (int64_t r = 0; r < ROWS; ++r) {
      sum[r][0] += a[r] * left;
      sum[r][1] += a[r] * right;
    }
  }
  for (int64_t r = 0; r < ROWS; ++r)
    for (int64_t v = 0; v < 2; ++v) *reinterpret_cast<Vector *>(c + r * c_step + v * LANES) = sum[r][v];
}

// Waves of inputs: B' d B. Reads `count` tiles of one plane from tile (row, column) on; writes waves[wave * step + tile].
void waves_of_inputs(const float *plane, const Tiling &at, int64_t row, int64_t column, int64_t count, float *waves, int64_t step) {
  constexpr int64_t LONGEST = 2 * GRADIENT_BLOCK + 2;
  static constexpr float nothing[LONGEST] = {};
  const int64_t length = 2 * count + 2, left = 2 * column - 1;
  const int64_t begin = std::max<int64_t>(0, -left), end = std::min(length, at.width - left);
  float edge[4][LONGEST];  // rows that reach over a border
  const float *d[4];
  for (int64_t i = 0; i < 4; ++i) {
    const int64_t y = 2 * row - 1 + i;
    if (y < 0 || y >= at.height) {
      d[i] = nothing;
    } else if (begin > 0 || end < length) {
      std::fill_n(edge[i], length, 0.0f);
      std::copy(plane + y * at.width + left + begin, plane + y * at.width + left + end, edge[i] + begin);
      d[i] = edge[i];
    } else {
      d[i] = plane + y * at.width + left;
    }
  }
  float t[4][LONGEST];
  for (int64_t x = 0; x < length; ++x) {
    t[0][x] = d[0][x] - d[2][x];
    t[1][x] = d[1][x] + d[2][x];
    t[2][x] = d[2][x] - d[1][x];
    t[3][x] = d[1][x] - d[3][x];
  }
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t tile = 0; tile < count; ++tile) {
      const float *at_tile = t[i] + 2 * tile;
      waves[(4 * i + 0) * step + tile] = at_tile[0] - at_tile[2];
      waves[(4 * i + 1) * step + tile] = at_tile[1] + at_tile[2];
      waves[(4 * i + 2) * step + tile] = at_tile[2] - at_tile[1];
      waves[(4 * i + 3) * step + tile] = at_tile[1] - at_tile[3];
    }
}

// Outputs of waves: A' m A, plus bias. The inverse direction of reading tiles: writes `count` tiles of one plane.
void outputs_of_waves(const float *waves, int64_t step, float bias, float *plane, const Tiling &at, int64_t row, int64_t column,
                      int64_t count) {
  const auto wave = [&](int64_t i, int64_t j, int64_t tile) { return waves[(4 * i + j) * step + tile]; };
  for (int64_t a = 0; a < 2 && 2 * row + a < at.height; ++a) {
    float line[2 * BLOCK];
    for (int64_t tile = 0; tile < count; ++tile) {
      float sum[4];
      for (int64_t j = 0; j < 4; ++j)
        sum[j] = a == 0 ? wave(0, j, tile) + wave(1, j, tile) + wave(2, j, tile) : wave(1, j, tile) - wave(2, j, tile) - wave(3, j, tile);
      line[2 * tile] = sum[0] + sum[1] + sum[2] + bias;
      line[2 * tile + 1] = sum[1] - sum[2] - sum[3] + bias;
    }
    const int64_t first = 2 * column;
    std::copy_n(line, std::min(2 * count, at.width - first), plane + (2 * row + a) * at.width + first);
  }
}

// Waves of the outputs' gradient: A d A'. Arguments as for inputs. Returns the sum of what was read.
float waves_of_gradients(const float *plane, const Tiling &at, int64_t row, int64_t column, int64_t count, float *waves, int64_t step) {
  float total = 0;
  for (int64_t tile = 0; tile < count; ++tile) {
    float d[2][2];
    for (int64_t a = 0; a < 2; ++a)
      for (int64_t b = 0; b < 2; ++b) {
        const int64_t y = 2 * row + a, x = 2 * (column + tile) + b;
        d[a][b] = y < at.height && x < at.width ? plane[y * at.width + x] : 0;
      }
    total += d[0][0] + d[0][1] + d[1][0] + d[1][1];
    for (int64_t i = 0; i < 4; ++i) {
      float r[2];
      for (int64_t b = 0; b < 2; ++b) r[b] = i == 0 ? d[0][b] : i == 1 ? d[0][b] + d[1][b] : i == 2 ? d[0][b] - d[1][b] : -d[1][b];
      waves[(4 * i + 0) * step + tile] = r[0];
      waves[(4 * i + 1) * step + tile] = r[0] + r[1];
      waves[(4 * i + 2) * step + tile] = r[0] - r[1];
      waves[(4 * i + 3) * step + tile] = -r[1];
    }
  }
  return total;
}

// Waves of weights: G g G'. `turned` takes the weights of the input's gradient: rotated by half a turn.
Square waves_of_weights(const float *g, bool turned) {
  const auto weight = [&](int64_t i, int64_t j) { return turned ? g[8 - 3 * i - j] : g[3 * i + j]; };
  float t[4][3];
  for (int64_t j = 0; j < 3; ++j) {
    const float outer = weight(0, j) + weight(2, j), middle = weight(1, j);
    t[0][j] = weight(0, j);
    t[1][j] = 0.5f * (outer + middle);
    t[2][j] = 0.5f * (outer - middle);
    t[3][j] = weight(2, j);
  }
  Square result;
  for (int64_t i = 0; i < 4; ++i)
    result[i] = {t[i][0], 0.5f * (t[i][0] + t[i][2] + t[i][1]), 0.5f * (t[i][0] + t[i][2] - t[i][1]), t[i][2]};
  return result;
}

// Gradient of the weights from that of their waves: G' u G.
void weights_of_waves(const Square &u, float *g) {
  const auto fold = [](float a, float b, float c, float d) {
    return std::array<float, 3>{a + 0.5f * (b + c), 0.5f * (b - c), 0.5f * (b + c) + d};
  };
  std::array<std::array<float, 3>, 4> t;
  for (int64_t i = 0; i < 4; ++i) t[i] = fold(u[i][0], u[i][1], u[i][2], u[i][3]);
  for (int64_t j = 0; j < 3; ++j) {
    const auto column = fold(t[0][j], t[1][j], t[2][j], t[3][j]);
    for (int64_t i = 0; i < 3; ++i) g[3 * i + j] = column[i];
  }
}

// Waves of all weights, in the order of their use: [out / ROWS, WAVES, in, ROWS]. w is [out, in, 3, 3], or [in, out, 3, 3] when turned.
Buffer packed_weights(const float *w, int64_t out, int64_t in, bool turned) {
  const int64_t panels = divided_up(out, ROWS);
  Buffer packed(new float[panels * WAVES * in * ROWS]);
  on_processors(panels, [&](int64_t number, int64_t count) {
    for (int64_t panel = number; panel < panels; panel += count)
      for (int64_t c = 0; c < in; ++c)
        for (int64_t r = 0; r < ROWS; ++r) {
          const int64_t o = panel * ROWS + r;
          const Square waves = o < out ? waves_of_weights(w + (turned ? c * out + o : o * in + c) * 9, turned) : Square{};
          for (int64_t k = 0; k < WAVES; ++k) packed[((panel * WAVES + k) * in + c) * ROWS + r] = waves[k / 4][k % 4];
        }
  });
  return packed;
}

// y [images, out, height, width] = x [images, in, height, width] convolved, plus bias [out] if there is one.
void convolve(const float *x, const float *w, const float *bias, float *y, const Tiling &at, int64_t in, int64_t out, bool turned) {
  const Buffer weights = packed_weights(w, out, in, turned);
  const int64_t plane = at.height * at.width, blocks = divided_up(at.tiles, BLOCK);
  std::atomic<int64_t> next{0};
  on_processors(blocks, [&](int64_t, int64_t) {
    Buffer waves(new float[WAVES * in * BLOCK]());
    float product[WAVES * ROWS * BLOCK];
    for (int64_t block = next++; block < blocks; block = next++) {
      const int64_t begin = block * BLOCK, end = std::min(begin + BLOCK, at.tiles);
      for (int64_t c = 0; c < in; ++c)
        at.for_each_piece(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count, int64_t place) {
          waves_of_inputs(x + (image * in + c) * plane, at, row, column, count, waves.get() + c * BLOCK + place, in * BLOCK);
        });
      for (int64_t o = 0; o < out; o += ROWS) {
        for (int64_t k = 0; k < WAVES; ++k)
          for (int64_t tile = 0; tile < end - begin; tile += COLUMNS)
            multiply<false>(weights.get() + (o / ROWS * WAVES + k) * in * ROWS, waves.get() + k * in * BLOCK + tile, BLOCK, in,
                            product + k * ROWS * BLOCK + tile, BLOCK);
        for (int64_t r = 0; r < std::min(ROWS, out - o); ++r)
          at.for_each_piece(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count, int64_t place) {
            outputs_of_waves(product + r * BLOCK + place, ROWS * BLOCK, bias ? bias[o + r] : 0, y + (image * out + o + r) * plane, at, row,
                             column, count);
          });
      }
    }
  });
}

// What one thread sums up for the gradient of the weights.
struct Sums {
  Buffer waves;  // [WAVES, out rounded up to ROWS, in rounded up to COLUMNS]
  Buffer bias;   // [out]
};

// dw [out, in, 3, 3] and db [out] from x [images, in, height, width] and dy [images, out, height, width].
void weight_gradient(const float *x, const float *dy, float *dw, float *db, const Tiling &at, int64_t in, int64_t out) {
  constexpr int64_t TILES = GRADIENT_BLOCK;
  const int64_t plane = at.height * at.width, blocks = divided_up(at.tiles, TILES);
  const int64_t wide = divided_up(in, COLUMNS) * COLUMNS, high = divided_up(out, ROWS) * ROWS;
  std::vector<Sums> sums(std::min(processors(), blocks));
  on_processors(blocks, [&](int64_t number, int64_t count) {
    Sums &mine = sums[number];
    mine = {Buffer(new float[WAVES * high * wide]()), Buffer(new float[out]())};
    Buffer inputs(new float[WAVES * wide * TILES]()), gradients(new float[WAVES * high * TILES]());
    float waves[WAVES * TILES];
    // Spreads the waves of one channel over panels of `size` channels: [WAVES, panels, TILES, size].
    const auto pack = [&](float *panels, int64_t channels, int64_t size, int64_t channel, int64_t tiles) {
      for (int64_t k = 0; k < WAVES; ++k) {
        float *panel = panels + k * channels * TILES + channel / size * size * TILES + channel % size;
        for (int64_t tile = 0; tile < tiles; ++tile) panel[tile * size] = waves[k * TILES + tile];
      }
    };
    for (int64_t block = number * blocks / count; block < (number + 1) * blocks / count; ++block) {
      const int64_t begin = block * TILES, tiles = std::min(TILES, at.tiles - begin);
      for (int64_t c = 0; c < in; ++c) {
        at.for_each_piece(begin, begin + tiles, [&](int64_t image, int64_t row, int64_t column, int64_t length, int64_t place) {
          waves_of_inputs(x + (image * in + c) * plane, at, row, column, length, waves + place, TILES);
        });
        pack(inputs.get(), wide, COLUMNS, c, tiles);
      }
      for (int64_t o = 0; o < out; ++o) {
        at.for_each_piece(begin, begin + tiles, [&](int64_t image, int64_t row, int64_t column, int64_t length, int64_t place) {
          mine.bias[o] += waves_of_gradients(dy + (image * out + o) * plane, at, row, column, length, waves + place, TILES);
        });
        pack(gradients.get(), high, ROWS, o, tiles);
      }
      for (int64_t k = 0; k < WAVES; ++k)
        for (int64_t c = 0; c < wide; c += COLUMNS)
          for (int64_t o = 0; o < high; o += ROWS)
            multiply<true>(gradients.get() + (k * high + o) * TILES, inputs.get() + (k * wide + c) * TILES, COLUMNS, tiles,
                           mine.waves.get() + (k * high + o) * wide + c, wide);
    }
  });
  on_processors(out, [&](int64_t number, int64_t count) {
    for (int64_t o = number; o < out; o += count) {
      db[o] = 0;
      for (const Sums &part : sums) db[o] += part.bias[o];
      for (int64_t c = 0; c < in; ++c) {
        Square total{};
        for (const Sums &part : sums)
          for (int64_t k = 0; k < WAVES; ++k) total[k / 4][k % 4] += part.waves[(k * high + o) * wide + c];
        weights_of_waves(total, dw + (o * in + c) * 9);
      }
    }
  });
}

Tiling tiling(const int64_t *shape) { return {shape[0], shape[2], shape[3]}; }
float *values(void *parameter) { return static_cast<float *>(parameter); }
}  // namespace

extern "C" {

// x [B, in, H, W], w [out, in, 3, 3], bias [out] -> y [B, out, H, W].
int Convolution(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  convolve(values(params[0]), values(params[1]), values(params[2]), values(params[3]), tiling(shapes[0]), shapes[0][1], shapes[1][0], false);
  return 0;
}

// dy [B, out, H, W], w [out, in, 3, 3] -> dx [B, in, H, W].
int InputGradient(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  convolve(values(params[0]), values(params[1]), nullptr, values(params[2]), tiling(shapes[0]), shapes[0][1], shapes[1][1], true);
  return 0;
}

// x [B, in, H, W], dy [B, out, H, W] -> dw [out, in, 3, 3], db [out].
int WeightGradient(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  weight_gradient(values(params[0]), values(params[1]), values(params[2]), values(params[3]), tiling(shapes[0]), shapes[0][1], shapes[1][1]);
  return 0;
}
}
