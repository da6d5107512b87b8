// Second moments and their factorisation in blocks. Compiled once a SIMD level: VILLAGE_LEVEL, VILLAGE_LANES. Every
// number gets its products one after the other in the order of the twin, so that blocks and lanes change no bit.
#include <cmath>

#include "moments.h"
#include "moments_tile.h"
#include "scratch.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

// Products that a tile takes at once: its operands stay in the first-level cache.
constexpr uint32_t kDepth = 128;
// Columns that are factorised before the rest of the matrix hears of them.
constexpr uint32_t kBlock = 64;
// Rows of a panel that are solved side by side.
constexpr uint32_t kPanelRows = 32;

// The columns first .. first+count of the lower triangle, whose earlier columns were subtracted already.
bool factorDiagonal(double* a, uint32_t n, uint32_t first, uint32_t count) {
  for (uint32_t j = first; j < first + count; j++) {
    const double* rowJ = a + size_t(j) * n;
    for (uint32_t i = j; i < first + count; i++) {
      double* rowI = a + size_t(i) * n;
      double sum = rowI[j];
      for (uint32_t k = first; k < j; k++) sum -= rowI[k] * rowJ[k];
      if (i > j) {
        rowI[j] = sum / rowJ[j];
      } else {
        if (!(sum > 0 && sum < INFINITY)) return false;
        rowI[j] = std::sqrt(sum);
      }
    }
  }
  return true;
}

// The rows below a factorised block, kPanelRows at a time with rows side by side.
void solvePanel(double* a, uint32_t n, uint32_t first, uint32_t count) {
  double panel[kBlock * kPanelRows];
  for (uint32_t from = first + count; from < n; from += kPanelRows) {
    const uint32_t rows = std::min(kPanelRows, n - from);
    for (uint32_t j = 0; j < count; j++)
      for (uint32_t r = 0; r < kPanelRows; r++)
        panel[j * kPanelRows + r] = r < rows ? a[size_t(from + r) * n + first + j] : 0.0;
    for (uint32_t j = 0; j < count; j++) {
      const double* rowJ = a + size_t(first + j) * n + first;
      double* own = panel + j * kPanelRows;
      for (uint32_t k = 0; k < j; k++)
        for (uint32_t r = 0; r < kPanelRows; r++) own[r] -= panel[k * kPanelRows + r] * rowJ[k];
      for (uint32_t r = 0; r < kPanelRows; r++) own[r] /= rowJ[j];
    }
    for (uint32_t r = 0; r < rows; r++)
      for (uint32_t j = 0; j < count; j++) a[size_t(from + r) * n + first + j] = panel[j * kPanelRows + r];
  }
}

// Subtracts what the block's columns contribute to the lower triangle beyond them.
void subtractBlock(double* a, uint32_t n, uint32_t first, uint32_t count) {
  const uint32_t from = first + count;
  if (from == n) return;
  const uint32_t rowTiles = tilesOf(n - from, kTileRows);
  Scratch<double> packed(size_t(rowTiles) * kTileRows * kBlock);
  for (uint32_t tile = 0; tile < rowTiles; tile++) {
    const uint32_t row = from + tile * kTileRows;
    pack(a + size_t(row) * n + first, 1, n, count, std::min(kTileRows, n - row), kTileRows,
         packed.data() + size_t(tile) * kTileRows * kBlock);
  }
  double columns[kBlock * kTileCols];
  for (uint32_t col = from; col < n; col += kTileCols) {
    const uint32_t cols = std::min(kTileCols, n - col);
    pack(a + size_t(col) * n + first, 1, n, count, cols, kTileCols, columns);
    for (uint32_t tile = (col - from) / kTileRows; tile < rowTiles; tile++) {
      const uint32_t row = from + tile * kTileRows;
      const uint32_t rows = std::min(kTileRows, n - row);
      const double* left = packed.data() + size_t(tile) * kTileRows * kBlock;
      double* target = a + size_t(row) * n + col;
      if (rows == kTileRows && cols == kTileCols && row >= col + kTileCols - 1)
        tileProduct<true>(left, columns, count, target, n);
      else
        edgeProduct<true>(left, columns, count, target, n, rows, cols,
                          [=](uint32_t r, uint32_t s) { return row + r >= col + s; });
    }
  }
}

bool cholesky(double* a, uint32_t n) {
  for (uint32_t first = 0; first < n; first += kBlock) {
    const uint32_t count = std::min(kBlock, n - first);
    if (!factorDiagonal(a, n, first, count)) return false;
    solvePanel(a, n, first, count);
    subtractBlock(a, n, first, count);
  }
  return true;
}

// Rows first .. first+count of the inverse: what the finished rows above contribute.
void subtractRows(const double* lower, uint32_t n, uint32_t first, uint32_t count, double* inverse) {
  const uint32_t rowTiles = tilesOf(count, kTileRows);
  const uint32_t depths = tilesOf(first, kDepth);
  const size_t tileSize = size_t(kTileRows) * kDepth;
  Scratch<double> packed(tileSize * rowTiles * depths);
  for (uint32_t depth = 0; depth < depths; depth++)
    for (uint32_t tile = 0; tile < rowTiles; tile++) {
      const uint32_t row = first + tile * kTileRows;
      pack(lower + size_t(row) * n + depth * kDepth, 1, n, std::min(kDepth, first - depth * kDepth),
           std::min(kTileRows, first + count - row), kTileRows, packed.data() + tileSize * (depth * rowTiles + tile));
    }
  double columns[kDepth * kTileCols];
  for (uint32_t col = 0; col < first; col += kTileCols) {
    const uint32_t cols = std::min(kTileCols, n - col);
    // Above the diagonal the inverse is zero: a zero more or less changes no sum.
    for (uint32_t depth = col / kDepth; depth < depths; depth++) {
      const uint32_t from = depth * kDepth;
      const uint32_t steps = std::min(kDepth, first - from);
      pack(inverse + size_t(from) * n + col, n, 1, steps, cols, kTileCols, columns);
      for (uint32_t tile = 0; tile < rowTiles; tile++) {
        const uint32_t row = first + tile * kTileRows;
        const uint32_t rows = std::min(kTileRows, first + count - row);
        const double* left = packed.data() + tileSize * (depth * rowTiles + tile);
        double* target = inverse + size_t(row) * n + col;
        if (rows == kTileRows && cols == kTileCols)
          tileProduct<true>(left, columns, steps, target, n);
        else
          edgeProduct<true>(left, columns, steps, target, n, rows, cols, [](uint32_t, uint32_t) { return true; });
      }
    }
  }
}

// The inverse of a lower triangle whose diagonal counts as 1, into zeros.
void invertUnitLower(const double* lower, uint32_t n, double* inverse) {
  for (uint32_t first = 0; first < n; first += kBlock) {
    const uint32_t count = std::min(kBlock, n - first);
    if (first > 0) subtractRows(lower, n, first, count, inverse);
    for (uint32_t i = first; i < first + count; i++) {
      double* row = inverse + size_t(i) * n;
      for (uint32_t k = first; k < i; k++) {
        const double factor = lower[size_t(i) * n + k];
        const double* other = inverse + size_t(k) * n;
        for (uint32_t j = 0; j <= k; j++) row[j] -= factor * other[j];
      }
      row[i] = 1;
    }
  }
}

}  // namespace

void addMoments(const float* rows, uint32_t count, uint32_t cols, double* sums) {
  const uint32_t rowTiles = tilesOf(cols, kTileRows);
  const size_t tileSize = size_t(kTileRows) * kDepth;
  Scratch<double> packed(tileSize * rowTiles);
  double columns[kDepth * kTileCols];
  for (uint32_t from = 0; from < count; from += kDepth) {
    const uint32_t depth = std::min(kDepth, count - from);
    const float* part = rows + size_t(from) * cols;
    for (uint32_t tile = 0; tile < rowTiles; tile++) {
      const uint32_t row = tile * kTileRows;
      pack(part + row, cols, 1, depth, std::min(kTileRows, cols - row), kTileRows, packed.data() + tileSize * tile);
    }
    for (uint32_t col = 0; col < cols; col += kTileCols) {
      const uint32_t width = std::min(kTileCols, cols - col);
      pack(part + col, cols, 1, depth, width, kTileCols, columns);
      for (uint32_t tile = 0; tile < rowTiles && tile * kTileRows < col + width; tile++) {
        const uint32_t row = tile * kTileRows;
        const uint32_t height = std::min(kTileRows, cols - row);
        double* target = sums + size_t(row) * cols + col;
        if (height == kTileRows && width == kTileCols && row + kTileRows - 1 <= col)
          tileProduct<false>(packed.data() + tileSize * tile, columns, depth, target, cols);
        else
          edgeProduct<false>(packed.data() + tileSize * tile, columns, depth, target, cols, height, width,
                             [=](uint32_t r, uint32_t s) { return row + r <= col + s; });
      }
    }
  }
}

bool factorMoments(double* moments, uint32_t cols, double* inverse, float* feedback, double* conditional) {
  const size_t numbers = size_t(cols) * cols;
  std::reverse(moments, moments + numbers);
  if (!cholesky(moments, cols)) return false;
  for (uint32_t j = 0; j < cols; j++) {
    const double pivot = moments[size_t(j) * cols + j];
    conditional[cols - 1 - j] = pivot * pivot;
  }
  for (uint32_t i = 0; i < cols; i++)
    for (uint32_t j = 0; j < i; j++) moments[size_t(i) * cols + j] /= moments[size_t(j) * cols + j];
  invertUnitLower(moments, cols, inverse);
  for (uint32_t i = 0; i < cols; i++)
    for (uint32_t j = 0; j < i; j++)
      feedback[numbers - 1 - (size_t(i) * cols + j)] = static_cast<float>(inverse[size_t(i) * cols + j]);
  return true;
}

// With a (I + F) = e the energy is the sum of a_j^2 times the conditional weight of j: a is e after feedback undone. As
// many rows at once as share each read of F.
void outputEnergies(const float* rows, uint32_t count, uint32_t cols, const float* feedback, const float* conditional,
                    double* energies) {
  constexpr uint32_t kRows = 64;
  Scratch<double> undone(size_t(kRows) * cols);
  double columns[kBlock * kTileCols];
  double left[kBlock * kRows];
  for (uint32_t from = 0; from < count; from += kRows) {
    const uint32_t height = std::min(kRows, count - from);
    for (uint32_t r = 0; r < height; r++)
      for (uint32_t j = 0; j < cols; j++) undone[size_t(r) * cols + j] = rows[size_t(from + r) * cols + j];
    for (uint32_t first = 0; first < cols; first += kBlock) {
      const uint32_t width = std::min(kBlock, cols - first);
      for (uint32_t r = 0; r < height; r++) {
        double* own = undone.data() + size_t(r) * cols + first;
        for (uint32_t j = 0; j < width; j++) {
          const double value = own[j];
          const float* factors = feedback + size_t(first + j) * cols + first;
          for (uint32_t k = j + 1; k < width; k++) own[k] -= value * static_cast<double>(factors[k]);
        }
      }
      const uint32_t tiles = tilesOf(height, kTileRows);
      for (uint32_t tile = 0; tile < tiles; tile++)
        pack(undone.data() + size_t(tile) * kTileRows * cols + first, 1, cols, width,
             std::min(kTileRows, height - tile * kTileRows), kTileRows, left + size_t(tile) * kTileRows * kBlock);
      for (uint32_t col = first + width; col < cols; col += kTileCols) {
        const uint32_t wide = std::min(kTileCols, cols - col);
        pack(feedback + size_t(first) * cols + col, cols, 1, width, wide, kTileCols, columns);
        for (uint32_t tile = 0; tile < tiles; tile++) {
          const uint32_t high = std::min(kTileRows, height - tile * kTileRows);
          double* target = undone.data() + size_t(tile) * kTileRows * cols + col;
          const double* factors = left + size_t(tile) * kTileRows * kBlock;
          if (high == kTileRows && wide == kTileCols)
            tileProduct<true>(factors, columns, width, target, cols);
          else
            edgeProduct<true>(factors, columns, width, target, cols, high, wide,
                              [](uint32_t, uint32_t) { return true; });
        }
      }
    }
    for (uint32_t r = 0; r < height; r++) {
      double energy = 0;
      for (uint32_t j = 0; j < cols; j++) {
        const double value = undone[size_t(r) * cols + j];
        energy += static_cast<double>(conditional[j]) * (value * value);
      }
      energies[from + r] = energy;
    }
  }
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
