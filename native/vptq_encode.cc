// VPTQ: the encoder. Compiled once a SIMD level: VILLAGE_LEVEL, VILLAGE_LANES. Twin: node/compute/reference/vptq.ts.
// Lanes run neighbouring columns side by side; what concerns one of them keeps its written order.
#include "error_feedback.h"
#include "vptq_search.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

// Adding and taking away 1.5 * 2^23 rounds a float below 2^22 to the nearest integer, ties to even.
constexpr float kRounder = 12582912.0f;

// Columns whose feedback is held back until the block is done, so that F is read once for all rows.
constexpr uint32_t kBlock = 64;
// Groups of rows that are encoded side by side, so that they share the loads of F and of the codebook.
constexpr uint32_t kSideBySide = 8;

struct Encoder {
  const VptqShape& shape;
  const VptqCodebook& codebook;
  const uint32_t* outlierColumns;
  const VptqAids& aids;
  VptqGroup layout;
  Search first;
  Search second;
  Scratch<uint8_t> isOutlier;

  Encoder(const VptqShape& shapeOf, const VptqCodebook& entries, const uint32_t* outliers, const VptqAids& helps)
      : shape(shapeOf),
        codebook(entries),
        outlierColumns(outliers),
        aids(helps),
        layout(vptqGroup(shapeOf)),
        first(entries.entries, 1u << shapeOf.indexBits, shapeOf.vector),
        second(entries.residuals, shapeOf.residualBits == 0 ? 0 : 1u << shapeOf.residualBits, shapeOf.vector),
        isOutlier(shapeOf.cols) {
    for (uint32_t i = 0; i < shape.outliers; i++) isOutlier[outliers[i]] = 1;
  }

  // Indices of points, and the vectors that they stand for.
  void code(const float* points, size_t count, uint32_t* index, uint32_t* residual, float* coded) const {
    const uint32_t vector = shape.vector;
    searchNearest(first, points, count, index);
    for (size_t i = 0; i < count; i++)
      std::memcpy(coded + i * vector, codebook.entries + size_t(index[i]) * vector, vector * sizeof(float));
    if (shape.residualBits == 0) return;
    Scratch<float> left(count * vector);
    for (size_t i = 0; i < count * vector; i++) left[i] = points[i] - coded[i];
    searchNearest(second, left.data(), count, residual);
    for (size_t i = 0; i < count; i++)
      for (uint32_t d = 0; d < vector; d++)
        coded[i * vector + d] += codebook.residuals[size_t(residual[i]) * vector + d];
  }

  // Root mean square of a row.
  uint16_t plainScale(const float* row) const {
    double sum = 0;
    for (uint32_t col = 0; col < shape.cols; col++) sum += double(row[col]) * double(row[col]);
    return vptqScaleCode(static_cast<float>(std::sqrt(sum / double(shape.cols))));
  }

  static float inverseOf(uint16_t code) { return code == 0 ? 0.0f : 1.0f / vptqScale(code); }

  static int32_t outlierCode(float weight, float inverse) {
    float x = (weight * inverse) * (1.0f / kVptqOutlierStep);
    x = x > -127.0f ? x : -127.0f;
    x = x < 127.0f ? x : 127.0f;
    return static_cast<int32_t>((x + kRounder) - kRounder);
  }

  void putScale(uint8_t* packed, uint32_t d, uint16_t code) const {
    packed[2 * d] = static_cast<uint8_t>(code & 255u);
    packed[2 * d + 1] = static_cast<uint8_t>(code >> 8);
  }

  void putIndices(uint8_t* packed, const uint32_t* index, const uint32_t* residual) const {
    for (uint32_t i = 0; i < layout.kept; i++) {
      vptqPutIndex(packed + layout.indicesAt, i, shape.indexBits, index[i]);
      if (shape.residualBits != 0)
        vptqPutIndex(packed + layout.residualsAt, i, shape.residualBits, residual[i]);
    }
  }

  // A group of rows without feedback: coded at the root mean square, then each row takes the scale of least error.
  void group(const float* data, uint32_t number, uint8_t* packed) const {
    const uint32_t vector = shape.vector;
    const uint32_t from = number * vector;
    const uint32_t rows = shape.rows - from < vector ? shape.rows - from : vector;
    Scratch<float> points(size_t(layout.kept) * vector);
    Scratch<float> coded(points.size());
    Scratch<uint32_t> index(layout.kept);
    Scratch<uint32_t> residual(layout.kept);
    uint16_t codes[kVptqMaxVector] = {0};
    for (uint32_t d = 0; d < rows; d++) {
      const float* row = data + size_t(from + d) * shape.cols;
      codes[d] = plainScale(row);
      const float inverse = inverseOf(codes[d]);
      for (uint32_t col = 0, i = 0; col < shape.cols; col++)
        if (!isOutlier[col]) points[size_t(i++) * vector + d] = row[col] * inverse;
    }
    code(points.data(), layout.kept, index.data(), residual.data(), coded.data());
    for (uint32_t d = 0; d < rows; d++) {
      const float* row = data + size_t(from + d) * shape.cols;
      double product = 0;
      double square = 0;
      for (uint32_t col = 0, i = 0; col < shape.cols; col++) {
        if (isOutlier[col]) continue;
        const double weight = aids.columnWeights == nullptr ? 1.0 : double(aids.columnWeights[col]);
        const double value = double(coded[size_t(i++) * vector + d]);
        product += weight * double(row[col]) * value;
        square += weight * value * value;
      }
      if (square > 0 && product > 0) codes[d] = vptqScaleCode(static_cast<float>(product / square));
      else if (shape.outliers == 0) codes[d] = 0;
      putScale(packed, d, codes[d]);
      const float inverse = inverseOf(codes[d]);
      for (uint32_t i = 0; i < shape.outliers; i++)
        packed[layout.outliersAt + size_t(d) * shape.outliers + i] =
            static_cast<uint8_t>(outlierCode(row[outlierColumns[i]], inverse));
    }
    putIndices(packed, index.data(), residual.data());
  }

  // Up to kSideBySide groups with feedback, column after column.
  void fedGroups(const float* data, uint32_t number, uint32_t count, uint8_t* packed) const {
    const uint32_t vector = shape.vector;
    const uint32_t cols = shape.cols;
    const uint32_t rows = count * vector;
    Scratch<float> target(size_t(rows) * cols);
    const uint32_t first = number * vector;
    const uint32_t real = shape.rows - first < rows ? shape.rows - first : rows;
    std::memcpy(target.data(), data + size_t(first) * cols, size_t(real) * cols * sizeof(float));
    Scratch<float> scale(rows);
    Scratch<float> inverse(rows);
    for (uint32_t r = 0; r < real; r++) {
      const uint16_t code = plainScale(target.data() + size_t(r) * cols);
      putScale(packed + (r / vector) * layout.bytes, r % vector, code);
      scale[r] = vptqScale(code);
      inverse[r] = inverseOf(code);
    }
    Scratch<uint32_t> index(size_t(count) * layout.kept);
    Scratch<uint32_t> residual(index.size());
    Scratch<float> errors(size_t(rows) * kBlock);
    float points[kSideBySide * kVptqMaxVector];
    float coded[kSideBySide * kVptqMaxVector];
    uint32_t found[kSideBySide];
    uint32_t foundResidual[kSideBySide] = {0};
    uint32_t keptAt = 0;
    uint32_t outlierAt = 0;
    for (uint32_t from = 0; from < cols; from += kBlock) {
      const uint32_t to = cols - from < kBlock ? cols : from + kBlock;
      for (uint32_t j = from; j < to; j++) {
        if (isOutlier[j]) {
          for (uint32_t r = 0; r < rows; r++) {
            const float wanted = target[size_t(r) * cols + j];
            const int32_t value = outlierCode(wanted, inverse[r]);
            packed[(r / vector) * layout.bytes + layout.outliersAt + size_t(r % vector) * shape.outliers + outlierAt] =
                static_cast<uint8_t>(value);
            errors[size_t(r) * kBlock + j - from] =
                wanted - (static_cast<float>(value) * kVptqOutlierStep) * scale[r];
          }
          outlierAt++;
        } else {
          for (uint32_t r = 0; r < rows; r++) points[r] = target[size_t(r) * cols + j] * inverse[r];
          code(points, count, found, foundResidual, coded);
          for (uint32_t g = 0; g < count; g++) {
            index[size_t(g) * layout.kept + keptAt] = found[g];
            residual[size_t(g) * layout.kept + keptAt] = foundResidual[g];
          }
          for (uint32_t r = 0; r < rows; r++)
            errors[size_t(r) * kBlock + j - from] = target[size_t(r) * cols + j] - coded[r] * scale[r];
          keptAt++;
        }
        // Within the block at once; beyond it when the block is done.
        const float* row = aids.feedback + size_t(j) * cols;
        for (uint32_t r = 0; r < rows; r++) {
          const float error = errors[size_t(r) * kBlock + j - from];
          for (uint32_t k = j + 1; k < to; k++) target[size_t(r) * cols + k] -= error * row[k];
        }
      }
      feedBack(target.data(), cols, errors.data(), kBlock, rows, aids.feedback, cols, from, to - from, to, cols);
    }
    for (uint32_t g = 0; g < count; g++)
      putIndices(packed + g * layout.bytes, index.data() + size_t(g) * layout.kept,
                 residual.data() + size_t(g) * layout.kept);
  }
};

}  // namespace

void vptqEncode(const float* data, const VptqShape& shape, const VptqCodebook& codebook,
                const uint32_t* outlierColumns, const VptqAids& aids, uint8_t* payload) {
  const Encoder encoder(shape, codebook, outlierColumns, aids);
  const size_t bytes = encoder.layout.bytes;
  std::memset(payload, 0, bytes * encoder.layout.groups);
  const uint32_t groups = encoder.layout.groups;
  if (aids.feedback == nullptr) {
    for (uint32_t group = 0; group < groups; group++) encoder.group(data, group, payload + group * bytes);
    return;
  }
  for (uint32_t group = 0; group < groups; group += kSideBySide)
    encoder.fedGroups(data, group, groups - group < kSideBySide ? groups - group : kSideBySide,
                      payload + group * bytes);
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
