// Minimal filtering, F(TILE, 3): TILE neighbouring outputs of a filter with three weights by TILE + 2 multiplications. Outputs are
// A' ((G g) * (B' d)) for inputs d and weights g, where ' transposes and * multiplies element by element; in two dimensions each
// matrix is applied to columns and to rows. Lavin and Gray 2016, Fast Algorithms for Convolutional Neural Networks, section 4.
#pragma once

#include <array>

template <typename V, std::size_t N>
using Line = std::array<V, N>;
template <typename V, std::size_t N>
using Square = std::array<Line<V, N>, N>;

// A transform of lines, applied to the columns and then to the rows of a square.
template <auto TRANSFORM, typename V, std::size_t N>
auto transform_2d(const Square<V, N> &square) {
  constexpr std::size_t SIZE = decltype(TRANSFORM(square[0])){}.size();
  std::array<Line<V, N>, SIZE> half;
  for (std::size_t j = 0; j < N; ++j) {
    Line<V, N> column;
    for (std::size_t i = 0; i < N; ++i) column[i] = square[i][j];
    const auto mapped = TRANSFORM(column);
    for (std::size_t i = 0; i < SIZE; ++i) half[i][j] = mapped[i];
  }
  Square<V, SIZE> result;
  for (std::size_t i = 0; i < SIZE; ++i) result[i] = TRANSFORM(half[i]);
  return result;
}

template <int TILE>
struct Filtering;

template <>
struct Filtering<2> {
  // B' d
  template <typename V>
  static Line<V, 4> inputs(const Line<V, 4> &d) {
    return {d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]};
  }

  // G g
  template <typename V>
  static Line<V, 4> weights(const Line<V, 3> &g) {
    const V even = 0.5f * (g[0] + g[2]), odd = 0.5f * g[1];
    return {g[0], even + odd, even - odd, g[2]};
  }

  // A' m
  template <typename V>
  static Line<V, 2> outputs(const Line<V, 4> &m) {
    return {m[0] + m[1] + m[2], m[1] - m[2] - m[3]};
  }

  // A y, for the gradient of the outputs
  template <typename V>
  static Line<V, 4> output_gradients(const Line<V, 2> &y) {
    return {y[0], y[0] + y[1], y[0] - y[1], -y[1]};
  }

  // G' u: the gradient of the weights from that of G g
  template <typename V>
  static Line<V, 3> weight_gradients(const Line<V, 4> &u) {
    const V even = 0.5f * (u[1] + u[2]), odd = 0.5f * (u[1] - u[2]);
    return {u[0] + even, odd, even + u[3]};
  }
};

// The interpolation points (Cook-Toom) are 0, p and -p, q and -q, and infinity, with p = 1 / q = sqrt(1/2). Rounding is a third of what
// it is with the points 1 and 2 that the paper takes (convolutions of 20 to 256 channels).
template <>
struct Filtering<4> {
  static constexpr float P = 0.70710678f, Q = 1.41421356f, P2 = 0.5f, Q2 = 2.0f;  // the points and their squares
  static constexpr float SCALE_P = 1 / (2 * P2 * (P2 - Q2)), SCALE_Q = 1 / (2 * Q2 * (Q2 - P2));

  template <typename V>
  static Line<V, 6> inputs(const Line<V, 6> &d) {
    const V even_p = d[4] - Q2 * d[2], odd_p = P * (d[3] - Q2 * d[1]), even_q = d[4] - P2 * d[2], odd_q = Q * (d[3] - P2 * d[1]);
    return {d[0] - (P2 + Q2) * d[2] + d[4], even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, d[1] - (P2 + Q2) * d[3] + d[5]};
  }

  template <typename V>
  static Line<V, 6> weights(const Line<V, 3> &g) {
    const V even_p = SCALE_P * (g[0] + P2 * g[2]), odd_p = SCALE_P * P * g[1];
    const V even_q = SCALE_Q * (g[0] + Q2 * g[2]), odd_q = SCALE_Q * Q * g[1];
    return {g[0], even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, g[2]};
  }

  template <typename V>
  static Line<V, 4> outputs(const Line<V, 6> &m) {
    const V even_p = m[1] + m[2], odd_p = P * (m[1] - m[2]), even_q = m[3] + m[4], odd_q = Q * (m[3] - m[4]);
    return {m[0] + even_p + even_q, odd_p + odd_q, P2 * even_p + Q2 * even_q, P2 * odd_p + Q2 * odd_q + m[5]};
  }

  template <typename V>
  static Line<V, 6> output_gradients(const Line<V, 4> &y) {
    const V even_p = y[0] + P2 * y[2], odd_p = P * (y[1] + P2 * y[3]), even_q = y[0] + Q2 * y[2], odd_q = Q * (y[1] + Q2 * y[3]);
    return {y[0], even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, y[3]};
  }

  template <typename V>
  static Line<V, 3> weight_gradients(const Line<V, 6> &u) {
    const V even_p = SCALE_P * (u[1] + u[2]), odd_p = SCALE_P * P * (u[1] - u[2]);
    const V even_q = SCALE_Q * (u[3] + u[4]), odd_q = SCALE_Q * Q * (u[3] - u[4]);
    return {u[0] + even_p + even_q, odd_p + odd_q, P2 * even_p + Q2 * even_q + u[5]};
  }
};
