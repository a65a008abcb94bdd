// Weighted pooling of pyramid cells (the inner loops of RoIAlign) and its gradient, for MindSpore's ahead-of-time custom operators.
//
// Work is cut into units of one image and CHANNELS channels. A unit copies its channels of all levels into a channels-last table of
// its own, small enough for a cache, so that every tap is one contiguous row. Units share no memory: the sums are the same for any
// number of threads.
#include <atomic>

#include "parallel.h"

namespace {

constexpr int64_t CHANNELS = 16;  // floats of a cache line; their sum stays in registers, which doubles the speed against 32
using Row = float[CHANNELS];

struct Level {
  float *values;  // [images, channels, cells]
  int64_t columns;
  int64_t cells;
  int64_t first_row;  // of this level in a unit's table
};

// The inputs of both operators: levels, then level [B, R], y index and weight, x index and weight [B, R, P, T], pooled rows.
struct Problem {
  std::vector<Level> levels;
  const int32_t *level, *y_index, *x_index;
  const float *y_weight, *x_weight;
  float *pooled;  // [B * R, P * P, channels]
  int64_t images, channels, rois, size, taps, rows;
};

Problem read_problem(int level_count, void **inputs, int64_t **shapes, void **level_values, void *pooled) {
  Problem problem{};
  for (int i = 0; i < level_count; ++i) {
    const int64_t cells = shapes[i][2] * shapes[i][3];
    problem.levels.push_back({static_cast<float *>(level_values[i]), shapes[i][3], cells, problem.rows});
    problem.rows += cells;
  }
  void **rest = inputs + level_count;
  problem.level = static_cast<const int32_t *>(rest[0]);
  problem.y_index = static_cast<const int32_t *>(rest[1]);
  problem.y_weight = static_cast<const float *>(rest[2]);
  problem.x_index = static_cast<const int32_t *>(rest[3]);
  problem.x_weight = static_cast<const float *>(rest[4]);
  problem.pooled = static_cast<float *>(pooled);
  problem.images = shapes[0][0];
  problem.channels = shapes[0][1];
  const int64_t *index_shape = shapes[level_count + 1];
  problem.rois = index_shape[1];
  problem.size = index_shape[2];
  problem.taps = index_shape[3];
  return problem;
}

// Whether every level exists and every index lies within its level. The check is cheap beside the sums, which use an index once per
// channel, and it is needed because the conversion of a NaN to an integer is undefined.
bool is_sound(const Problem &problem) {
  const int64_t axis = problem.size * problem.taps;
  const auto within = [axis](const int32_t *index, int64_t count) {
    return std::all_of(index, index + axis, [count](int32_t place) { return place >= 0 && place < count; });
  };
  for (int64_t roi = 0; roi < problem.images * problem.rois; ++roi) {
    if (problem.level[roi] < 0 || problem.level[roi] >= static_cast<int64_t>(problem.levels.size())) return false;
    const Level &level = problem.levels[problem.level[roi]];
    if (!within(problem.y_index + roi * axis, level.cells / level.columns)) return false;
    if (!within(problem.x_index + roi * axis, level.columns)) return false;
  }
  return true;
}

// Calls work(image, first channel, number of channels, table) for every unit, on all processors of this process.
template <typename Work>
void for_each_unit(const Problem &problem, const Work &work) {
  const int64_t blocks = (problem.channels + CHANNELS - 1) / CHANNELS;
  const int64_t units = problem.images * blocks;
  std::atomic<int64_t> next{0};
  on_processors(units, [&](int64_t, int64_t) {
    std::vector<float> table(problem.rows * CHANNELS);
    for (int64_t unit = next++; unit < units; unit = next++) {
      const int64_t first = unit % blocks * CHANNELS;
      work(unit / blocks, first, std::min(CHANNELS, problem.channels - first), reinterpret_cast<Row *>(table.data()));
    }
  });
}

// Copies the channels of one unit into its table (rows of all levels), or back.
template <typename Move>
void for_each_value(const Problem &problem, int64_t image, int64_t first, int64_t count, Row *table, const Move &move) {
  constexpr int64_t TILE = 16;  // cells; their rows stay in the nearest cache while the channels pass by
  for (const Level &level : problem.levels) {
    float *values = level.values + (image * problem.channels + first) * level.cells;
    Row *rows = table + level.first_row;
    for (int64_t begin = 0; begin < level.cells; begin += TILE) {
      const int64_t end = std::min(begin + TILE, level.cells);
      for (int64_t channel = 0; channel < count; ++channel)
        for (int64_t cell = begin; cell < end; ++cell) move(values[channel * level.cells + cell], rows[cell][channel]);
    }
  }
}

// Calls tap(pooled row, table row, weight) for every sampling neighbour of every pooled cell of an image's RoIs.
template <typename Cell>
void for_each_cell(const Problem &problem, int64_t image, const Cell &visit) {
  const int64_t size = problem.size, axis = size * problem.taps;
  for (int64_t roi = image * problem.rois; roi < (image + 1) * problem.rois; ++roi)
    for (int64_t cell = 0; cell < size * size; ++cell)
      visit(problem.levels[problem.level[roi]], roi * axis + cell / size * problem.taps,
            roi * axis + cell % size * problem.taps, (roi * size * size + cell) * problem.channels);
}

// Calls tap(table row, weight) for the taps of one pooled cell, whose indices start at y and x.
template <typename Tap>
void for_each_tap(const Problem &problem, const Level &level, int64_t y, int64_t x, const Tap &tap) {
  for (int64_t i = y; i < y + problem.taps; ++i) {
    const int64_t row = level.first_row + problem.y_index[i] * level.columns;
    for (int64_t j = x; j < x + problem.taps; ++j) tap(row + problem.x_index[j], problem.y_weight[i] * problem.x_weight[j]);
  }
}

void pool(const Problem &problem) {
  for_each_unit(problem, [&](int64_t image, int64_t first, int64_t count, Row *table) {
    for_each_value(problem, image, first, count, table, [](float value, float &row) { row = value; });
    for_each_cell(problem, image, [&](const Level &level, int64_t y, int64_t x, int64_t pooled) {
      Row sum{};
      for_each_tap(problem, level, y, x, [&](int64_t row, float weight) {
        for (int64_t channel = 0; channel < CHANNELS; ++channel) sum[channel] += weight * table[row][channel];
      });
      std::copy_n(sum, count, problem.pooled + pooled + first);
    });
  });
}

void unpool(const Problem &problem) {
  for_each_unit(problem, [&](int64_t image, int64_t first, int64_t count, Row *table) {
    std::fill_n(*table, problem.rows * CHANNELS, 0.0f);
    for_each_cell(problem, image, [&](const Level &level, int64_t y, int64_t x, int64_t pooled) {
      Row gradient{};
      std::copy_n(problem.pooled + pooled + first, count, gradient);
      for_each_tap(problem, level, y, x, [&](int64_t row, float weight) {
        for (int64_t channel = 0; channel < CHANNELS; ++channel) table[row][channel] += weight * gradient[channel];
      });
    });
    for_each_value(problem, image, first, count, table, [](float &value, float row) { value = row; });
  });
}

constexpr int OUTSIDE = 1;  // MindSpore raises an error that names the operator and this number
constexpr int INDICES = 5;  // level, y index and weight, x index and weight
}  // namespace

extern "C" {

// Levels [B, C, rows, columns], INDICES -> pooled [B * R, P, P, C].
int PyramidPool(int count, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  const int levels = count - INDICES - 1;
  const Problem problem = read_problem(levels, params, shapes, params, params[count - 1]);
  if (!is_sound(problem)) return OUTSIDE;
  pool(problem);
  return 0;
}

// Levels, INDICES, gradient of pooled -> gradients of the levels.
int PyramidPoolGradient(int count, void **params, int *, int64_t **shapes, const char **, void *, void *) {
  const int levels = (count - INDICES - 1) / 2;
  const Problem problem = read_problem(levels, params, shapes, params + levels + INDICES + 1, params[levels + INDICES]);
  if (!is_sound(problem)) return OUTSIDE;
  unpool(problem);
  return 0;
}
}
