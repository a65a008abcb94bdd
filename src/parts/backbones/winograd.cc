// 3x3 convolutions of stride 1 and padding 1 by minimal filtering, F(2x2, 3x3), and their gradients, for MindSpore's ahead-of-time
// custom operators. Lavin and Gray 2016, Fast Algorithms for Convolutional Neural Networks, section 4.1.
//
// The output is cut into tiles of 2x2 cells; a tile depends on 4x4 cells of the input. Tiles and weights are transformed to 16
// numbers each (the Winograd domain; here "waves"), and the convolution is one matrix product per wave: 16 multiplications where the
// direct convolution takes 36. The result equals it up to rounding, and is the same for any number of threads.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <numeric>

#include "parallel.h"

namespace {

#ifdef __AVX512F__
constexpr int64_t LANES = 16;
#else
constexpr int64_t LANES = 8;
#endif
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef float Vector __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));  // the same without alignment

constexpr int64_t WAVES = 16;
constexpr int64_t ROWS = 6;                   // rows and
constexpr int64_t COLUMNS = 2 * LANES;        // columns of a product that fit the processor's registers
constexpr int64_t BLOCK = 32;                 // tiles per block: their waves stay in a cache
constexpr int64_t GRADIENT_FLOATS = 1 << 18;  // the same as numbers, where the products are summed over tiles

using Buffer = std::unique_ptr<float[]>;
using Square = std::array<std::array<Lanes, 4>, 4>;

constexpr int64_t divided_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

// The tiles of all images [images, channels, height, width] in one sequence, for any channel.
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
  constexpr int64_t LONGEST = 2 * BLOCK + 2;
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
  float edge[2 * BLOCK];  // of a tile that reaches over the border
  const int64_t first = 2 * column, fits = std::min(2 * count, at.width - first);
  for (int64_t a = 0; a < 2 && 2 * row + a < at.height; ++a) {
    float *target = plane + (2 * row + a) * at.width + first, *line = fits == 2 * count ? target : edge;
    for (int64_t tile = 0; tile < count; ++tile) {
      float sum[4];
      for (int64_t j = 0; j < 4; ++j)
        sum[j] = a == 0 ? wave(0, j, tile) + wave(1, j, tile) + wave(2, j, tile) : wave(1, j, tile) - wave(2, j, tile) - wave(3, j, tile);
      line[2 * tile] = sum[0] + sum[1] + sum[2] + bias;
      line[2 * tile + 1] = sum[1] - sum[2] - sum[3] + bias;
    }
    if (line == edge) std::copy_n(edge, fits, target);
  }
}

// Waves of an input, B' d B, and of an output's gradient, A d A': the middle of d is the tile. A value is a vector of channels.
Square waves_of_input(const Square &d) {
  Square t, result;
  for (int64_t j = 0; j < 4; ++j) {
    t[0][j] = d[0][j] - d[2][j];
    t[1][j] = d[1][j] + d[2][j];
    t[2][j] = d[2][j] - d[1][j];
    t[3][j] = d[1][j] - d[3][j];
  }
  for (int64_t i = 0; i < 4; ++i) result[i] = {t[i][0] - t[i][2], t[i][1] + t[i][2], t[i][2] - t[i][1], t[i][1] - t[i][3]};
  return result;
}

Square waves_of_gradient(const Square &d) {
  Square result;
  for (int64_t i = 0; i < 4; ++i) {
    Lanes r[2];
    for (int64_t j = 0; j < 2; ++j)
      r[j] = i == 0 ? d[1][1 + j] : i == 1 ? d[1][1 + j] + d[2][1 + j] : i == 2 ? d[1][1 + j] - d[2][1 + j] : -d[2][1 + j];
    result[i] = {r[0], r[0] + r[1], r[0] - r[1], -r[1]};
  }
  return result;
}

// Waves of weights: G g G'. A value is a vector of several weights.
Square waves_of_weights(const Lanes *g) {
  Lanes t[4][3];
  for (int64_t j = 0; j < 3; ++j) {
    const Lanes outer = g[j] + g[6 + j], middle = g[3 + j];
    t[0][j] = g[j];
    t[1][j] = 0.5f * (outer + middle);
    t[2][j] = 0.5f * (outer - middle);
    t[3][j] = g[6 + j];
  }
  Square result;
  for (int64_t i = 0; i < 4; ++i)
    result[i] = {t[i][0], 0.5f * (t[i][0] + t[i][2] + t[i][1]), 0.5f * (t[i][0] + t[i][2] - t[i][1]), t[i][2]};
  return result;
}

// Gradient of the weights from that of their waves: G' u G.
void weights_of_waves(const Square &u, Lanes *g) {
  const auto fold = [](const Lanes &a, const Lanes &b, const Lanes &c, const Lanes &d) {
    return std::array<Lanes, 3>{a + 0.5f * (b + c), 0.5f * (b - c), 0.5f * (b + c) + d};
  };
  std::array<std::array<Lanes, 3>, 4> t;
  for (int64_t i = 0; i < 4; ++i) t[i] = fold(u[i][0], u[i][1], u[i][2], u[i][3]);
  for (int64_t j = 0; j < 3; ++j) {
    const auto column = fold(t[0][j], t[1][j], t[2][j], t[3][j]);
    for (int64_t i = 0; i < 3; ++i) g[3 * i + j] = column[i];
  }
}

// Weights [out, in, 3, 3], times a factor for each of `out`; or, turned, [in, out, 3, 3] with a factor for each of `in`, which are to be
// read with each rotated by half a turn: those of the input's gradient.
struct Weights {
  const float *values, *factors;
  int64_t out, in;
  bool turned;

  int64_t panels() const { return divided_up(out, ROWS); }

  // Waves of ROWS output channels, in the order of their use: [WAVES, in, ROWS].
  void pack(int64_t panel, float *packed) const {
    const int64_t first = panel * ROWS, rows = std::min(ROWS, out - first);
    constexpr int64_t MANY = 16;  // written well before they are read as vectors, or the processor would wait
    Lanes g[MANY][9] = {};
    for (int64_t begin = 0; begin < in; begin += MANY) {
      const int64_t count = std::min(MANY, in - begin);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < count; ++c) {
          const float *weight = values + (turned ? (begin + c) * out + first + r : (first + r) * in + begin + c) * 9;
          const float factor = factors[turned ? begin + c : first + r];
          for (int64_t i = 0; i < 9; ++i) reinterpret_cast<float *>(&g[c][i])[r] = weight[turned ? 8 - i : i] * factor;
        }
      for (int64_t c = 0; c < count; ++c) {
        const Square waves = waves_of_weights(g[c]);
        for (int64_t k = 0; k < WAVES; ++k) std::memcpy(packed + (k * in + begin + c) * ROWS, &waves[k / 4][k % 4], ROWS * sizeof(float));
      }
    }
  }
};

// Outputs of ROWS channels at tiles [begin, end) from the waves of weights and of inputs; wave k of channel c, tile t is at
// waves[(k * in + c) * step + t]. `product` is memory for WAVES * ROWS * step values.
void outputs_of_panel(const Weights &weights, int64_t panel, const float *packed, const float *waves, int64_t step, float *product,
                      const Tiling &at, int64_t begin, int64_t end, const float *bias, float *y) {
  const int64_t first = panel * ROWS, in = weights.in;
  for (int64_t k = 0; k < WAVES; ++k)
    for (int64_t tile = 0; tile < end - begin; tile += COLUMNS)
      multiply<false>(packed + k * in * ROWS, waves + k * in * step + tile, step, in, product + k * ROWS * step + tile, step);
  for (int64_t o = first; o < std::min(first + ROWS, weights.out); ++o)
    at.for_each_piece(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count, int64_t place) {
      outputs_of_waves(product + (o - first) * step + place, ROWS * step, bias ? bias[o] : 0,
                       y + (image * weights.out + o) * at.height * at.width, at, row, column, count);
    });
}

// Waves of input channel c at tiles [begin, end).
void waves_of_channel(const float *x, int64_t in, int64_t c, const Tiling &at, int64_t begin, int64_t end, float *waves, int64_t step) {
  at.for_each_piece(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count, int64_t place) {
    waves_of_inputs(x + (image * in + c) * at.height * at.width, at, row, column, count, waves + place, step);
  });
}

// y [images, out, height, width] = x [images, in, height, width] convolved, plus bias [out] if there is one.
void convolve(const float *x, const Weights &weights, const float *bias, float *y, const Tiling &at) {
  const int64_t in = weights.in, size = WAVES * in * ROWS, blocks = divided_up(at.tiles, BLOCK);
  const Buffer packed(new float[weights.panels() * size]);
  on_processors(weights.panels(), [&](int64_t number, int64_t count) {
    for (int64_t panel = number; panel < weights.panels(); panel += count) weights.pack(panel, packed.get() + panel * size);
  });
  std::atomic<int64_t> next{0};
  on_processors(blocks, [&](int64_t, int64_t) {
    const Buffer waves(new float[WAVES * in * BLOCK]());
    float product[WAVES * ROWS * BLOCK];
    for (int64_t block = next++; block < blocks; block = next++) {
      const int64_t begin = block * BLOCK, end = std::min(begin + BLOCK, at.tiles);
      for (int64_t c = 0; c < in; ++c) waves_of_channel(x, in, c, at, begin, end, waves.get() + c * BLOCK, in * BLOCK);
      for (int64_t panel = 0; panel < weights.panels(); ++panel)
        outputs_of_panel(weights, panel, packed.get() + panel * size, waves.get(), BLOCK, product, at, begin, end, bias, y);
    }
  });
}

// One side of the product that the gradient of the weights is: the waves of some rows of tiles, channels last in panels of SIZE.
template <int64_t SIZE>
struct Side {
  static constexpr int64_t VECTORS = divided_up(SIZE, LANES), STEP = VECTORS * LANES;
  const float *values;  // [images, channels, height, width]
  int64_t channels;
  const Tiling &at;
  int64_t tiles;  // at a time
  int64_t panels = divided_up(channels, SIZE), size = WAVES * tiles * SIZE;
  Buffer packed{new float[panels * size]};  // [panels, WAVES, tiles, SIZE]

  // Packs the channels of one panel for the rows of tiles [begin, end); waves_of(pixels) makes waves of the 4x4 pixels around a tile.
  template <typename WavesOf>
  void pack(int64_t panel, int64_t begin, int64_t end, const WavesOf &waves_of) {
    const int64_t first = panel * SIZE, count = std::min(SIZE, channels - first), line = 2 * at.columns + 2;
    std::vector<Lanes> pixels(4 * line * VECTORS);  // [4, line, STEP], border included
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < 4; ++i) {
        float *target = reinterpret_cast<float *>(pixels.data()) + (i * line + 1) * STEP;
        const int64_t y = row % at.rows * 2 - 1 + i;
        if (y < 0 || y >= at.height) {
          std::fill_n(target, at.width * STEP, 0.0f);
          continue;
        }
        for (int64_t c = 0; c < count; ++c) {
          const float *source = values + ((row / at.rows * channels + first + c) * at.height + y) * at.width;
          for (int64_t x = 0; x < at.width; ++x) target[x * STEP + c] = source[x];
        }
      }
      for (int64_t column = 0; column < at.columns; ++column)
        for (int64_t v = 0; v < VECTORS; ++v) {
          Square d;
          for (int64_t i = 0; i < 4; ++i)
            for (int64_t j = 0; j < 4; ++j) d[i][j] = pixels[(i * line + 2 * column + j) * VECTORS + v];
          const Square waves = waves_of(d);
          float *target = packed.get() + panel * size + ((row - begin) * at.columns + column) * SIZE + v * LANES;
          for (int64_t k = 0; k < WAVES; ++k)
            std::memcpy(target + k * tiles * SIZE, &waves[k / 4][k % 4], std::min(SIZE, LANES) * sizeof(float));
        }
    }
  }
};

// Gradients of weights [out, in, 3, 3], which are used times a factor for each of `out`, and of factors.
struct WeightGradients {
  const float *weights, *factors;
  float *to_weights;
  int64_t out, in;
  int64_t panels = divided_up(in, COLUMNS);
  std::vector<float> to_factors = std::vector<float>(out * panels);  // what each panel of `in` adds to it

  // Writes those of the weights of panels o and c, from the gradient of their waves [WAVES, ROWS, COLUMNS].
  void write(const float *sum, int64_t o, int64_t c) {
    const int64_t rows = std::min(ROWS, out - o * ROWS), columns = std::min(COLUMNS, in - c * COLUMNS);
    for (int64_t r = 0; r < rows; ++r) {
      Lanes g[2][9];
      for (int64_t v = 0; v < 2; ++v) {
        Square u;
        for (int64_t k = 0; k < WAVES; ++k) std::memcpy(&u[k / 4][k % 4], sum + (k * ROWS + r) * COLUMNS + v * LANES, sizeof(Lanes));
        weights_of_waves(u, g[v]);
      }
      const int64_t row = o * ROWS + r, first = (row * in + c * COLUMNS) * 9, count = columns * 9;
      float gradient[COLUMNS * 9];
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t i = 0; i < 9; ++i) gradient[column * 9 + i] = g[column / LANES][i][column % LANES];
      Lanes totals{};
      int64_t place = 0;
      for (; place + LANES <= count; place += LANES) {
        const Vector values = *reinterpret_cast<const Vector *>(gradient + place);
        totals += values * *reinterpret_cast<const Vector *>(weights + first + place);
        *reinterpret_cast<Vector *>(to_weights + first + place) = values * factors[row];
      }
      float total = 0;
      for (; place < count; ++place) {
        total += gradient[place] * weights[first + place];
        to_weights[first + place] = gradient[place] * factors[row];
      }
      for (int64_t lane = 0; lane < LANES; ++lane) total += totals[lane];
      to_factors[row * panels + c] = total;
    }
  }
};

// Gradients of weights and factors, and of the bias db [out], from x [images, in, height, width] and dy [images, out, height, width].
void weight_gradient(const float *x, const float *dy, WeightGradients *result, float *db, const Tiling &at) {
  const int64_t in = result->in, out = result->out;
  const int64_t all = at.images * at.rows, at_once = std::min(all, divided_up(GRADIENT_FLOATS, WAVES * (in + out) * at.columns));
  Side<COLUMNS> inputs{x, in, at, at_once * at.columns};
  Side<ROWS> gradients{dy, out, at, at_once * at.columns};
  const int64_t pairs = inputs.panels * gradients.panels, size = WAVES * ROWS * COLUMNS;
  const Buffer sums(new float[at_once < all ? pairs * size : 0]);
  std::fill_n(db, out, 0.0f);
  for (int64_t begin = 0; begin < all; begin += at_once) {
    const int64_t end = std::min(begin + at_once, all), depth = (end - begin) * at.columns;
    on_processors(inputs.panels + gradients.panels, [&](int64_t number, int64_t count) {
      for (int64_t panel = number; panel < inputs.panels; panel += count)
        inputs.pack(panel, begin, end, waves_of_input);
      for (int64_t panel = number; panel < gradients.panels; panel += count) {
        Lanes total{};
        gradients.pack(panel, begin, end, [&](const Square &d) {
          total += d[1][1] + d[1][2] + d[2][1] + d[2][2];
          return waves_of_gradient(d);
        });
        for (int64_t o = panel * ROWS; o < std::min((panel + 1) * ROWS, out); ++o) db[o] += total[o % ROWS];
      }
    });
    on_processors(pairs, [&](int64_t number, int64_t count) {
      float product[WAVES * ROWS * COLUMNS];
      for (int64_t pair = number * pairs / count; pair < (number + 1) * pairs / count; ++pair) {
        const int64_t c = pair / gradients.panels, o = pair % gradients.panels;
        float *sum = at_once < all ? sums.get() + pair * size : product;
        for (int64_t k = 0; k < WAVES; ++k)
          (begin == 0 ? multiply<false> : multiply<true>)(gradients.packed.get() + o * gradients.size + k * gradients.tiles * ROWS,
                                                         inputs.packed.get() + c * inputs.size + k * inputs.tiles * COLUMNS, COLUMNS, depth,
                                                         sum + k * ROWS * COLUMNS, COLUMNS);
        if (end == all) result->write(sum, o, c);
      }
    });
  }
}

Tiling tiling(const int64_t *shape) { return {shape[0], shape[2], shape[3]}; }
float *values(void *parameter) { return static_cast<float *>(parameter); }
}  // namespace

extern "C" {

// x [B, in, H, W], w [out, in, 3, 3], factor [out], bias [out] -> y [B, out, H, W].
int Convolution(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  const Weights weights{values(params[1]), values(params[2]), shapes[1][0], shapes[1][1], false};
  convolve(values(params[0]), weights, values(params[3]), values(params[4]), tiling(shapes[0]));
  return 0;
}

// dy [B, out, H, W], w [out, in, 3, 3], factor [out] -> dx [B, in, H, W].
int InputGradient(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  const Weights weights{values(params[1]), values(params[2]), shapes[1][1], shapes[1][0], true};
  convolve(values(params[0]), weights, nullptr, values(params[3]), tiling(shapes[0]));
  return 0;
}

// x [B, in, H, W], dy [B, out, H, W], w [out, in, 3, 3], factor [out] -> dw [out, in, 3, 3], dfactor [out], db [out].
int WeightGradient(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  WeightGradients result{values(params[2]), values(params[3]), values(params[4]), shapes[1][1], shapes[0][1]};
  weight_gradient(values(params[0]), values(params[1]), &result, values(params[6]), tiling(shapes[0]));
  for (int64_t o = 0; o < result.out; ++o) {
    const float *parts = result.to_factors.data() + o * result.panels;
    values(params[5])[o] = std::accumulate(parts, parts + result.panels, 0.0f);
  }
  return 0;
}
}
