// VPTQ: sizes, decoding and the choice of the level. Twin: node/compute/reference/vptq.ts.
#include <vector>

#include "vptq_layout.h"

namespace village {
namespace {

// Columns that are not outliers, in order; none where all are kept.
std::vector<uint32_t> keptColumns(const VptqShape& shape, const uint32_t* outlierColumns) {
  std::vector<uint32_t> kept;
  if (shape.outliers == 0) return kept;
  kept.reserve(shape.cols - shape.outliers);
  for (uint32_t col = 0, next = 0; col < shape.cols; col++) {
    if (next < shape.outliers && outlierColumns[next] == col) next++;
    else kept.push_back(col);
  }
  return kept;
}

// entries x vector turned into a plane for each row of the vector: one plane stays in the first-level cache.
std::vector<float> planes(const float* entries, size_t count, uint32_t vector) {
  std::vector<float> turned(count * vector);
  for (size_t entry = 0; entry < count; entry++)
    for (uint32_t d = 0; d < vector; d++) turned[d * count + entry] = entries[entry * vector + d];
  return turned;
}

void readIndices(const uint8_t* bytes, uint32_t count, uint32_t bits, uint16_t* indices) {
  if (bits == 12) {
    uint32_t i = 0;
    for (; i + 2 <= count; i += 2, bytes += 3) {
      indices[i] = static_cast<uint16_t>(bytes[0] | ((bytes[1] & 15u) << 8));
      indices[i + 1] = static_cast<uint16_t>((bytes[1] >> 4) | (uint32_t(bytes[2]) << 4));
    }
    if (i < count) indices[i] = static_cast<uint16_t>(bytes[0] | ((bytes[1] & 15u) << 8));
    return;
  }
  if (bits == 8)
    for (uint32_t i = 0; i < count; i++) indices[i] = bytes[i];
  else
    for (uint32_t i = 0; i < count; i++) indices[i] = static_cast<uint16_t>(vptqIndex(bytes, i, bits));
}

}  // namespace

bool vptqVectorIsKnown(uint32_t vector) {
  return vector == 2 || vector == 3 || vector == 4 || vector == 6 || vector == 8;
}

size_t vptqBytes(const VptqShape& shape) {
  const VptqGroup group = vptqGroup(shape);
  return group.bytes * group.groups;
}

void vptqDecode(const uint8_t* payload, const VptqShape& shape, const VptqCodebook& codebook,
                const uint32_t* outlierColumns, float* data) {
  const VptqGroup layout = vptqGroup(shape);
  const size_t entries = size_t(1) << shape.indexBits;
  const size_t residuals = shape.residualBits == 0 ? 0 : size_t(1) << shape.residualBits;
  const std::vector<uint32_t> kept = keptColumns(shape, outlierColumns);
  const std::vector<float> first = planes(codebook.entries, entries, shape.vector);
  const std::vector<float> second = planes(codebook.residuals, residuals, shape.vector);
  std::vector<uint16_t> index(layout.kept);
  std::vector<uint16_t> residual(residuals == 0 ? 0 : layout.kept);
  for (uint32_t group = 0; group < layout.groups; group++) {
    const uint8_t* packed = payload + group * layout.bytes;
    readIndices(packed + layout.indicesAt, layout.kept, shape.indexBits, index.data());
    if (residuals != 0)
      readIndices(packed + layout.residualsAt, layout.kept, shape.residualBits, residual.data());
    for (uint32_t d = 0; d < shape.vector && group * shape.vector + d < shape.rows; d++) {
      const float scale = vptqScale(static_cast<uint16_t>(packed[2 * d] | (packed[2 * d + 1] << 8)));
      float* out = data + size_t(group * shape.vector + d) * shape.cols;
      const float* plane = first.data() + d * entries;
      const float* other = second.data() + d * residuals;
      const auto fill = [&](auto value) {
        if (shape.outliers == 0)
          for (uint32_t i = 0; i < layout.kept; i++) out[i] = value(i);
        else
          for (uint32_t i = 0; i < layout.kept; i++) out[kept[i]] = value(i);
      };
      if (residuals == 0) fill([&](uint32_t i) { return plane[index[i]] * scale; });
      else fill([&](uint32_t i) { return (plane[index[i]] + other[residual[i]]) * scale; });
      const uint8_t* codes = packed + layout.outliersAt + size_t(d) * shape.outliers;
      for (uint32_t i = 0; i < shape.outliers; i++)
        out[outlierColumns[i]] =
            (static_cast<float>(static_cast<int8_t>(codes[i])) * kVptqOutlierStep) * scale;
    }
  }
}

void vptqEncode(const float* data, const VptqShape& shape, const VptqCodebook& codebook,
                const uint32_t* outlierColumns, const VptqAids& aids, SimdLevel level, uint8_t* payload) {
  VILLAGE_AT_LEVEL(level, vptqEncode)(data, shape, codebook, outlierColumns, aids, payload);
}

void vptqNearest(const float* points, size_t count, uint32_t vector, const float* codebook, uint32_t entries,
                 SimdLevel level, uint32_t* nearest) {
  VILLAGE_AT_LEVEL(level, vptqNearest)(points, count, vector, codebook, entries, nearest);
}

void vptqSpread(const float* points, const float* weights, size_t count, uint32_t vector, const double* draws,
                uint32_t entries, SimdLevel level, uint32_t* chosen) {
  VILLAGE_AT_LEVEL(level, vptqSpread)(points, weights, count, vector, draws, entries, chosen);
}

}  // namespace village
