// The bytes of a row of seedlm: one 16-bit seed a block, then the nibbles of the blocks (exponent + 8, then the
// coefficients + 8), low nibble first, then the columns of the outliers, ascending, then their values as halves, in
// units of the scale. Columns take 2 bytes where all of them fit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "seedlm.h"

namespace village {

struct SeedlmRow {
  uint32_t blocks;
  size_t nibblesAt;
  size_t columnsAt;
  size_t columnBytes;
  size_t valuesAt;
  size_t bytes;
};

// `static`: see f16.h.
static inline SeedlmRow seedlmRow(const SeedlmShape& shape) {
  SeedlmRow row;
  row.blocks = (shape.cols + shape.blockWeights - 1) / shape.blockWeights;
  row.nibblesAt = size_t(row.blocks) * 2;
  row.columnsAt = row.nibblesAt + (size_t(row.blocks) * (shape.coefficients + 1) + 1) / 2;
  row.columnBytes = shape.cols <= 65536 ? 2 : 4;
  row.valuesAt = row.columnsAt + shape.outliers * row.columnBytes;
  row.bytes = row.valuesAt + size_t(shape.outliers) * 2;
  return row;
}

static inline uint32_t seedlmOutlierColumn(const uint8_t* packed, const SeedlmRow& row, uint32_t index) {
  const uint8_t* at = packed + row.columnsAt + index * row.columnBytes;
  uint32_t column = at[0] | (uint32_t(at[1]) << 8);
  if (row.columnBytes == 4) column |= (uint32_t(at[2]) << 16) | (uint32_t(at[3]) << 24);
  return column;
}

static inline uint16_t seedlmOutlierValue(const uint8_t* packed, const SeedlmRow& row, uint32_t index) {
  const uint8_t* at = packed + row.valuesAt + size_t(index) * 2;
  return static_cast<uint16_t>(at[0] | (uint32_t(at[1]) << 8));
}

}  // namespace village
