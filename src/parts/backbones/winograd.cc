// 3x3 convolutions of stride 1 and padding 1 by minimal filtering, and their gradients, for MindSpore's ahead-of-time custom operators.
//
// The output is cut into tiles of TILE x TILE cells; a tile depends on SIZE x SIZE cells of the input, SIZE = TILE + 2. Tiles and weights
// are transformed to SIZE x SIZE elements each (the Winograd domain), and the convolution is one matrix product per element: 16
// multiplications for 4 cells with F(2x2, 3x3), 36 for 16 cells with F(4x4, 3x3), where the direct convolution takes 9 per cell.
// The result equals it up to rounding, and is the same for any number of threads.
#include <atomic>
#include <cstring>

#include "matrix_product.h"
#include "minimal_filtering.h"
#include "parallel.h"

namespace {

// Loops over elements are unrolled, so that the squares stay in registers as far as these suffice.

constexpr int64_t BLOCK = VECTORS * LANES;    // tiles at a time: transformed, they stay in a cache
constexpr int64_t PRODUCT_FLOATS = 1 << 16;   // floats of products that are held before they become outputs
constexpr int64_t GRADIENT_FLOATS = 1 << 21;  // floats of transformed data that are held where products are summed over tiles
constexpr int64_t TRANSFORM_TILES = 24;       // transforming the weights costs as much as multiplying so many tiles
constexpr int64_t FEW_TILES = 256;            // that are transformed and held at once, so that transformed weights need not be
constexpr int64_t PANEL_FLOATS = 1 << 18;     // floats of transformed weights and products that are held there
constexpr int64_t THREAD_PRODUCTS = 1 << 23;  // multiplications that are worth a thread

// Threads for so many multiplications.
int64_t threads_for(int64_t products) { return std::max<int64_t>(1, std::min(processors(), products / THREAD_PRODUCTS)); }

// The tiles of all images [images, channels, height, width] in one sequence, for any channel.
template <int TILE>
struct Tiling {
  int64_t images, height, width;
  int64_t rows = divided_up(height, TILE), columns = divided_up(width, TILE);
  int64_t tiles = images * rows * columns;

  explicit Tiling(const int64_t *shape) : images(shape[0]), height(shape[2]), width(shape[3]) {}

  // Calls visit(image, tile row, tile column, count, place) for the pieces of tiles [begin, end): of one row each, BLOCK tiles at most.
  template <typename Visit>
  void for_each_piece(int64_t begin, int64_t end, const Visit &visit) const {
    for (int64_t tile = begin; tile < end;) {
      const int64_t column = tile % columns, row = tile / columns;
      const int64_t count = std::min({columns - column, end - tile, BLOCK});
      visit(row / rows, row % rows, column, count, tile - begin);
      tile += count;
    }
  }
};

// Pixels of a piece of tiles, for vectors of tiles: pixel (i, j) of tile t, counted from a corner, is at lines[i][j % TILE][t + j / TILE].
template <int TILE, int HEIGHT>
class Pixels {
 public:
  // Reads the pixels from (top, left) on for `count` tiles side by side; those outside the plane are 0.
  Pixels(const float *plane, int64_t height, int64_t width, int64_t top, int64_t left, int64_t count) {
    for (int64_t i = 0; i < HEIGHT; ++i) {
      const int64_t y = top + i;
      if (y < 0 || y >= height)
        std::memset(lines_[i], 0, sizeof(lines_[i]));
      else
        read(plane + y * width, width, left, count, lines_[i]);
    }
  }

  Lanes operator()(int64_t i, int64_t j, int64_t tile) const { return load(&lines_[i][j % TILE][tile + j / TILE]); }

 private:
  using Phases = float[TILE][BLOCK + LANES];
  alignas(Lanes) Phases lines_[HEIGHT];

  static void read(const float *row, int64_t width, int64_t left, int64_t count, Phases &phases) {
    const int64_t begin = left < 0 ? 1 : 0, end = std::max(begin, std::min(count, (width - left) / TILE));  // the tiles inside
    for (int64_t tile = begin; tile < end; ++tile)
      for (int64_t p = 0; p < TILE; ++p) phases[p][tile] = row[left + tile * TILE + p];
    const auto read_edge = [&](int64_t from, int64_t to) {
      for (int64_t x = from * TILE; x < to * TILE; ++x)
        phases[x % TILE][x / TILE] = left + x >= 0 && left + x < width ? row[left + x] : 0;
    };
    read_edge(0, begin);
    read_edge(end, count + 1);
  }
};

// Writes the squares of `count` tiles, from `tile` on, of a plane of outputs: cell (a, b) of tile t is at cells[a][b][t].
template <int TILE>
void write_piece(const float (&cells)[TILE][TILE][BLOCK], float *plane, const Tiling<TILE> &at, int64_t row, int64_t column,
                 int64_t count) {
  const int64_t first = TILE * column, fits = std::min(TILE * count, at.width - first), whole = fits / TILE;
  for (int64_t a = 0; a < TILE && TILE * row + a < at.height; ++a) {
    float *target = plane + (TILE * row + a) * at.width + first;
    for (int64_t tile = 0; tile < whole; ++tile)
      for (int64_t b = 0; b < TILE; ++b) target[tile * TILE + b] = cells[a][b][tile];
    for (int64_t x = whole * TILE; x < fits; ++x) target[x] = cells[a][x % TILE][whole];
  }
}

// Weights [out, in, 3, 3]; or, for the gradient of the input, [in, out, 3, 3] with a factor for each of `in`, whose channels are
// swapped and whose kernels are rotated by 180 degrees. Transformed, they are panels of ROWS output channels: [ELEMENTS, ROWS, step].
template <int TILE>
struct Weights {
  static constexpr int64_t SIZE = TILE + 2, ELEMENTS = SIZE * SIZE;
  const float *values;
  int64_t out, in;
  const float *input_gradient_factors = nullptr;

  int64_t panels = divided_up(out, ROWS), step = rounded_up(in, LANES), panel_size = ELEMENTS * ROWS * step;

  // Transforms a panel.
  void pack(int64_t panel, float *packed) const {
    for (int64_t row = 0; row < ROWS; ++row)
      for (int64_t c = 0; c < in; c += LANES) pack(panel * ROWS + row, c, packed + row * step + c);
  }

 private:
  // Transforms the weights of output channel o and LANES input channels from c on; 0 beyond the last output channel.
  void pack(int64_t o, int64_t c, float *packed) const {
    alignas(Lanes) float g[9][LANES] = {};
    for (int64_t lane = 0; lane < std::min(LANES, in - c) && o < out; ++lane) {
      const float *weight = values + (input_gradient_factors ? (c + lane) * out + o : o * in + c + lane) * 9;
      for (int64_t i = 0; i < 9; ++i) g[i][lane] = input_gradient_factors ? weight[8 - i] * input_gradient_factors[c + lane] : weight[i];
    }
    Square<Lanes, 3> square;
    for (int64_t i = 0; i < 9; ++i) square[i / 3][i % 3] = load(g[i]);
    const auto elements = transform_2d<Filtering<TILE>::template weights<Lanes>>(square);
#pragma GCC unroll 36
    for (int64_t k = 0; k < ELEMENTS; ++k) store(packed + k * ROWS * step, elements[k / SIZE][k % SIZE]);
  }
};

// y [images, out, height, width] = x [images, in, height, width] convolved, times a factor [out] or 1, plus a bias [out] or 0.
template <int TILE>
struct Convolver {
  static constexpr int64_t SIZE = TILE + 2, ELEMENTS = SIZE * SIZE;
  const Weights<TILE> &weights;
  const float *x, *factors, *bias;
  float *y;
  Tiling<TILE> at;
  int64_t threads = threads_for(ELEMENTS * weights.out * weights.in * at.tiles);

  void run() const {
    const int64_t all = rounded_up(at.tiles, LANES);
    all <= FEW_TILES ? run_by_panels(all) : run_by_tiles();
  }

 private:
  // All tiles are transformed and held; each panel of weights is transformed, used, and forgotten.
  void run_by_panels(int64_t all) const {
    const Buffer transformed(ELEMENTS * weights.in * all);
    on_processors(std::min(threads, weights.in), [&](int64_t number, int64_t count) {
      for (int64_t c = number; c < weights.in; c += count) transform_inputs(c, 0, at.tiles, transformed.get() + c * all, all);
    });
    const int64_t group = std::max<int64_t>(1, PANEL_FLOATS / (weights.panel_size + ELEMENTS * ROWS * all));
    std::atomic<int64_t> next{0};
    on_processors(std::min(threads, weights.panels), [&](int64_t, int64_t) {
      const Buffer packed(group * weights.panel_size), products(ELEMENTS * group * ROWS * all + LANES);
      for (int64_t panel = group * next++; panel < weights.panels; panel = group * next++) {
        const int64_t end = std::min(panel + group, weights.panels);
        for (int64_t each = panel; each < end; ++each) weights.pack(each, packed.get() + (each - panel) * weights.panel_size);
        multiply_panels({panel, end, group}, packed.get(), {0, at.tiles, all}, transformed.get(), products.get());
      }
    });
  }

  // All weights are transformed and held; each block of tiles is transformed, used, and forgotten.
  void run_by_tiles() const {
    const Buffer packed(weights.panels * weights.panel_size);
    on_processors(std::min(threads, weights.panels), [&](int64_t number, int64_t count) {
      for (int64_t panel = number; panel < weights.panels; panel += count) weights.pack(panel, packed.get() + panel * weights.panel_size);
    });
    const int64_t blocks = divided_up(at.tiles, BLOCK), group = std::max<int64_t>(1, PRODUCT_FLOATS / (ELEMENTS * ROWS * BLOCK));
    std::atomic<int64_t> next{0};
    on_processors(std::min(threads, blocks), [&](int64_t, int64_t) {
      const Buffer transformed(ELEMENTS * weights.in * BLOCK), products(ELEMENTS * group * ROWS * BLOCK + LANES);
      for (int64_t block = next++; block < blocks; block = next++) {
        const Tiles tiles{block * BLOCK, std::min((block + 1) * BLOCK, at.tiles), BLOCK};
        for (int64_t c = 0; c < weights.in; ++c) transform_inputs(c, tiles.begin, tiles.end, transformed.get() + c * BLOCK, BLOCK);
        for (int64_t panel = 0; panel < weights.panels; panel += group)
          multiply_panels({panel, std::min(panel + group, weights.panels), group}, packed.get() + panel * weights.panel_size, tiles,
                          transformed.get(), products.get());
      }
    });
  }

  struct Panels {
    int64_t begin, end, step;  // step: panels from an element to the next in the products
  };
  struct Tiles {
    int64_t begin, end, step;  // step: floats from a row to the next
  };

  // The outputs of some panels at some tiles. Products of element k for output channel o of the panels are at
  // products[(k * panels.step * ROWS + o) * tiles.step + t].
  void multiply_panels(const Panels &panels, const float *packed, const Tiles &tiles, const float *transformed, float *products) const {
    for (int64_t k = 0; k < ELEMENTS; ++k)
      for (int64_t panel = panels.begin; panel < panels.end; ++panel)
        multiply<false>(divided_up(tiles.end - tiles.begin, LANES),
                        packed + (panel - panels.begin) * weights.panel_size + k * ROWS * weights.step, weights.step,
                        transformed + k * weights.in * tiles.step, tiles.step, weights.in,
                        products + (k * panels.step + panel - panels.begin) * ROWS * tiles.step, tiles.step);
    const int64_t first = panels.begin * ROWS, element_step = panels.step * ROWS * tiles.step;
    for (int64_t o = first; o < std::min(panels.end * ROWS, weights.out); ++o)
      transform_outputs(o, tiles.begin, tiles.end, products + (o - first) * tiles.step, element_step);
  }

  // Element k of channel c at tile t of the block is at inputs[(k * in + c) * size + t].
  void transform_inputs(int64_t c, int64_t begin, int64_t end, float *transformed, int64_t size) const {
    if (const int64_t count = end - begin; count % LANES != 0)  // what is multiplied beside the last tiles are numbers
      for (int64_t k = 0; k < ELEMENTS; ++k) store(transformed + k * weights.in * size + count / LANES * LANES, Lanes{});
    at.for_each_piece(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count, int64_t place) {
      const float *plane = x + (image * weights.in + c) * at.height * at.width;
      const Pixels<TILE, SIZE> pixels(plane, at.height, at.width, TILE * row - 1, TILE * column - 1, count);
      for (int64_t tile = 0; tile < count; tile += LANES) {
        Square<Lanes, SIZE> d;
#pragma GCC unroll 36
        for (int64_t k = 0; k < ELEMENTS; ++k) d[k / SIZE][k % SIZE] = pixels(k / SIZE, k % SIZE, tile);
        d = transform_2d<Filtering<TILE>::template inputs<Lanes>>(d);
#pragma GCC unroll 36
        for (int64_t k = 0; k < ELEMENTS; ++k) {
          float *target = transformed + k * weights.in * size + place + tile;
          if (place + tile + LANES <= size)
            store(target, d[k / SIZE][k % SIZE]);
          else
            std::memcpy(target, &d[k / SIZE][k % SIZE], (count - tile) * sizeof(float));
        }
      }
    });
  }

  void transform_outputs(int64_t o, int64_t begin, int64_t end, const float *products, int64_t element_step) const {
    const float factor = factors ? factors[o] : 1, shift = bias ? bias[o] : 0;
    at.for_each_piece(begin, end, [&](int64_t image, int64_t row, int64_t column, int64_t count, int64_t place) {
      alignas(Lanes) float cells[TILE][TILE][BLOCK];
      for (int64_t tile = 0; tile < count; tile += LANES) {
        Square<Lanes, SIZE> m;
#pragma GCC unroll 36
        for (int64_t k = 0; k < ELEMENTS; ++k) m[k / SIZE][k % SIZE] = load(products + k * element_step + place + tile);
        const auto out = transform_2d<Filtering<TILE>::template outputs<Lanes>>(m);
        for (int64_t a = 0; a < TILE; ++a)
          for (int64_t b = 0; b < TILE; ++b) store(&cells[a][b][tile], factor * out[a][b] + shift);
      }
      write_piece<TILE>(cells, y + (image * weights.out + o) * at.height * at.width, at, row, column, count);
    });
  }
};

// Gradients of weights [out, in, 3, 3], which are used times a factor [out], of the factors, and of the bias, from x [images, in, height,
// width] and dy [images, out, height, width]: one matrix product per element, over tiles.
template <int TILE>
struct WeightGradients {
  static constexpr int64_t SIZE = TILE + 2, ELEMENTS = SIZE * SIZE;
  const float *x, *dy, *weights, *factors;
  int64_t out, in;
  Tiling<TILE> at;
  float *to_weights, *to_factors, *to_bias;

  int64_t step = rounded_up(in, LANES), panels = divided_up(out, ROWS), all = at.images * at.rows;
  int64_t row_size = ELEMENTS * (step + panels * ROWS) * at.columns;  // floats of a row of tiles
  int64_t panel_size = ELEMENTS * ROWS * step;
  // All rows where holding them takes no more memory than a part of them and the sums of all panels.
  int64_t at_once = all * row_size <= GRADIENT_FLOATS + panels * panel_size ? all : std::max<int64_t>(1, GRADIENT_FLOATS / row_size);
  int64_t tiles = at_once * at.columns;
  Buffer inputs{ELEMENTS * tiles * step};               // [ELEMENTS, tiles, step]: x, transformed
  Buffer gradients{ELEMENTS * panels * ROWS * tiles};   // [ELEMENTS, panels * ROWS, tiles]: dy, transformed
  int64_t threads = threads_for(ELEMENTS * out * in * at.tiles);
  // Gradients of transformed weights, [ELEMENTS, ROWS, step] for each panel; or, where all tiles are held at once, for each thread.
  Buffer sums{(at_once == all ? std::min(threads, panels) : panels) * panel_size};

  void run() {
    for (int64_t begin = 0; begin < all; begin += at_once) {
      const int64_t end = std::min(begin + at_once, all);
      on_processors(std::min(threads, step / LANES + panels * ROWS), [&](int64_t number, int64_t count) {
        for (int64_t c = number * LANES; c < step; c += count * LANES) transform_inputs(c, begin, end);
        for (int64_t o = number; o < panels * ROWS; o += count) transform_gradients(o, begin, end);
      });
      at_once == all ? finish_panels() : add_elements(begin, end);
    }
    if (at_once == all) return;
    on_processors(std::min(threads, panels), [&](int64_t number, int64_t count) {
      for (int64_t panel = number; panel < panels; panel += count) write_panel(panel, sums.get() + panel * panel_size);
    });
  }

 private:
  // LANES input channels from c on, at the rows of tiles [begin, end).
  void transform_inputs(int64_t c, int64_t begin, int64_t end) {
    const int64_t line = TILE * at.columns + 2;
    std::vector<Lanes> pixels(SIZE * line);  // [SIZE, line], border included
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < SIZE; ++i) read_line(c, row, i, reinterpret_cast<float *>(pixels.data() + i * line + 1));
      for (int64_t column = 0; column < at.columns; ++column) {
        Square<Lanes, SIZE> d;
#pragma GCC unroll 36
        for (int64_t k = 0; k < ELEMENTS; ++k) d[k / SIZE][k % SIZE] = pixels[k / SIZE * line + TILE * column + k % SIZE];
        d = transform_2d<Filtering<TILE>::template inputs<Lanes>>(d);
#pragma GCC unroll 36
        for (int64_t k = 0; k < ELEMENTS; ++k)
          store(inputs.get() + (k * tiles + (row - begin) * at.columns + column) * step + c, d[k / SIZE][k % SIZE]);
      }
    }
  }

  // Line i of the pixels around a row of tiles, channels last.
  void read_line(int64_t c, int64_t row, int64_t i, float *target) const {
    const int64_t y = row % at.rows * TILE - 1 + i;
    if (y < 0 || y >= at.height) {
      std::fill_n(target, at.width * LANES, 0.0f);
      return;
    }
    for (int64_t lane = 0; lane < std::min(LANES, in - c); ++lane) {
      const float *source = x + ((row / at.rows * in + c + lane) * at.height + y) * at.width;
      for (int64_t column = 0; column < at.width; ++column) target[column * LANES + lane] = source[column];
    }
  }

  // Output channel o at the rows of tiles [begin, end); 0 beyond the last channel.
  void transform_gradients(int64_t o, int64_t begin, int64_t end) {
    float *transformed = gradients.get() + o * tiles;
    const int64_t element_step = panels * ROWS * tiles;
    if (o >= out) {
      for (int64_t k = 0; k < ELEMENTS; ++k) std::fill_n(transformed + k * element_step, tiles, 0.0f);
      return;
    }
    at.for_each_piece(begin * at.columns, end * at.columns, [&](int64_t image, int64_t row, int64_t column, int64_t count, int64_t place) {
      const float *plane = dy + (image * out + o) * at.height * at.width;
      const Pixels<TILE, TILE> pixels(plane, at.height, at.width, TILE * row, TILE * column, count);
      for (int64_t tile = 0; tile < count; tile += LANES) {
        Square<Lanes, TILE> cells;
        for (int64_t a = 0; a < TILE; ++a)
          for (int64_t b = 0; b < TILE; ++b) cells[a][b] = pixels(a, b, tile);
        const auto m = transform_2d<Filtering<TILE>::template output_gradients<Lanes>>(cells);
#pragma GCC unroll 36
        for (int64_t k = 0; k < ELEMENTS; ++k)
          std::memcpy(transformed + k * element_step + place + tile, &m[k / SIZE][k % SIZE], std::min(LANES, count - tile) * sizeof(float));
      }
    });
  }

  // From all tiles to the gradients, panel by panel.
  void finish_panels() {
    std::atomic<int64_t> next{0};
    on_processors(std::min(threads, panels), [&](int64_t number, int64_t) {
      float *panel_sums = sums.get() + number * panel_size;
      for (int64_t panel = next++; panel < panels; panel = next++) {
        for (int64_t k = 0; k < ELEMENTS; ++k) add<false>(panel, k, tiles, panel_sums);
        write_panel(panel, panel_sums);
      }
    });
  }

  // Adds the products of the rows of tiles [begin, end) to the sums of all panels, element by element.
  void add_elements(int64_t begin, int64_t end) {
    on_processors(std::min(threads, ELEMENTS), [&](int64_t number, int64_t count) {
      for (int64_t k = number; k < ELEMENTS; k += count)
        for (int64_t panel = 0; panel < panels; ++panel) {
          float *panel_sums = sums.get() + panel * panel_size;
          begin == 0 ? add<false>(panel, k, (end - begin) * at.columns, panel_sums)
                     : add<true>(panel, k, (end - begin) * at.columns, panel_sums);
        }
    });
  }

  template <bool TO_SUMS>
  void add(int64_t panel, int64_t k, int64_t depth, float *panel_sums) const {
    multiply<TO_SUMS>(step / LANES, gradients.get() + (k * panels + panel) * ROWS * tiles, tiles, inputs.get() + k * tiles * step, step,
                      depth, panel_sums + k * ROWS * step, step);
  }

  void write_panel(int64_t panel, const float *panel_sums) const {
    for (int64_t o = panel * ROWS; o < std::min((panel + 1) * ROWS, out); ++o) write(o, panel_sums + o % ROWS * step);
  }

  // The gradients of output channel o, whose sums of element k are at elements[k * ROWS * step].
  void write(int64_t o, const float *elements) const {
    Lanes totals{};
    float total = 0;
    for (int64_t c = 0; c < in; c += LANES) {
      Square<Lanes, SIZE> u;
#pragma GCC unroll 36
      for (int64_t k = 0; k < ELEMENTS; ++k) u[k / SIZE][k % SIZE] = load(elements + k * ROWS * step + c);
      const auto square = transform_2d<Filtering<TILE>::template weight_gradients<Lanes>>(u);
      const int64_t first = (o * in + c) * 9, count = std::min(LANES, in - c) * 9;
      alignas(Lanes) float gradient[9 * LANES];
      for (int64_t lane = 0; lane < LANES; ++lane)
        for (int64_t i = 0; i < 9; ++i) gradient[lane * 9 + i] = square[i / 3][i % 3][lane];
      int64_t place = 0;
      for (; place + LANES <= count; place += LANES) {
        totals += load(gradient + place) * load(weights + first + place);
        store(to_weights + first + place, load(gradient + place) * factors[o]);
      }
      for (; place < count; ++place) {
        total += gradient[place] * weights[first + place];
        to_weights[first + place] = gradient[place] * factors[o];
      }
    }
    to_factors[o] = total + sum(totals);
    to_bias[o] = 0;
    for (int64_t image = 0; image < at.images; ++image)
      to_bias[o] += sum(dy + (image * out + o) * at.height * at.width, at.height * at.width);
  }
};

float *values(void *parameter) { return static_cast<float *>(parameter); }

// Calls F(4x4, 3x3) or F(2x2, 3x3), whichever has the lower estimated cost: small maps do not pay for transforming weights to 6x6.
template <template <int> typename Run>
int with_best_tile(void **params, int64_t **shapes) {
  const auto cost = [&](int64_t tile) {
    const int64_t *shape = shapes[0], tiles = shape[0] * divided_up(shape[2], tile) * divided_up(shape[3], tile);
    return (tile + 2) * (tile + 2) * (rounded_up(tiles, LANES) + TRANSFORM_TILES);
  };
  cost(4) < cost(2) ? Run<4>::run(params, shapes) : Run<2>::run(params, shapes);
  return 0;
}

template <int TILE>
struct Forward {
  static void run(void **params, int64_t **shapes) {
    const Weights<TILE> weights{values(params[1]), shapes[1][0], shapes[1][1]};
    Convolver<TILE>{weights, values(params[0]), values(params[2]), values(params[3]), values(params[4]), Tiling<TILE>(shapes[0])}.run();
  }
};

template <int TILE>
struct ToInput {
  static void run(void **params, int64_t **shapes) {
    const Weights<TILE> weights{values(params[1]), shapes[1][1], shapes[1][0], values(params[2])};
    Convolver<TILE>{weights, values(params[0]), nullptr, nullptr, values(params[3]), Tiling<TILE>(shapes[0])}.run();
  }
};

template <int TILE>
struct ToWeights {
  static void run(void **params, int64_t **shapes) {
    WeightGradients<TILE>{values(params[0]), values(params[1]), values(params[2]), values(params[3]), shapes[1][1], shapes[0][1],
                          Tiling<TILE>(shapes[0]), values(params[4]), values(params[5]), values(params[6])}
        .run();
  }
};

}  // namespace

extern "C" {

// x [B, in, H, W], w [out, in, 3, 3], factor [out], bias [out] -> y [B, out, H, W].
int Convolution(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  return with_best_tile<Forward>(params, shapes);
}

// dy [B, out, H, W], w [out, in, 3, 3], factor [out] -> dx [B, in, H, W].
int InputGradient(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  return with_best_tile<ToInput>(params, shapes);
}

// x [B, in, H, W], dy [B, out, H, W], w [out, in, 3, 3], factor [out] -> dw [out, in, 3, 3], dfactor [out], db [out].
int WeightGradient(int, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  return with_best_tile<ToWeights>(params, shapes);
}
}
