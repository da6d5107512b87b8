// SeedLM (arXiv 2410.10714): tables, choice of seed and coefficients, packed bytes. Twin:
// node/compute/reference/seedlm.ts.
#include <cmath>
#include <cstring>
#include <vector>

#include "seedlm.h"
#include "seedlm_search.h"

namespace village {
namespace {

constexpr int kMaxBlockWeights = 12;
constexpr int kMaxCoefficients = 4;
constexpr int kMinExponent = -8;
constexpr int kMaxExponent = 7;
// Below this share of its own length left after projection, a column of U is called dependent on the ones
// before it.
constexpr double kMinPivot = 0.05;
// Blocks searched together: each tile of the tables is read once for all of them.
constexpr size_t kBatch = 64;
// Weights (after division by the scale) below this quantise to nothing at the smallest exponent.
constexpr float kNegligible = 0.000244140625f; // 2^-12

// The search sees the weights of a block as integers of this size: sums of 12 products with 16 bits stay
// below 2^31.
constexpr float kSearchRange = 4095.0f;

int32_t toSearchInteger(float weight, float factor) {
  const float rounded = std::floor(weight * factor + 0.5f);
  return static_cast<int32_t>(rounded);
}

struct SequenceTables {
  std::vector<float> values;
  std::vector<uint16_t> states;
  std::vector<uint16_t> positionOf;
};

uint32_t nextState(uint32_t state) {
  const uint32_t feedback = (state ^ (state >> 1) ^ (state >> 3) ^ (state >> 12)) & 1u;
  return (state >> 1) | (feedback << 15);
}

const SequenceTables& sequence() {
  static const SequenceTables* tables = [] {
    auto* made = new SequenceTables;
    const size_t length = kSeedlmPositionsPadded + kMaxBlockWeights * kMaxCoefficients + 64;
    made->values.resize(length);
    made->states.resize(kSeedlmPositions);
    made->positionOf.resize(65536);
    uint32_t state = 1;
    for (uint32_t i = 0; i < kSeedlmPositions; i++) {
      made->states[i] = static_cast<uint16_t>(state);
      made->positionOf[state] = static_cast<uint16_t>(i);
      made->values[i] = static_cast<float>(static_cast<int32_t>(state) - 32768) / 32767.0f;
      state = nextState(state);
    }
    for (size_t i = kSeedlmPositions; i < length; i++) made->values[i] = made->values[i - kSeedlmPositions];
    return made;
  }();
  return *tables;
}

// G = L D L^T with L unit lower triangular. Returns false where a pivot shows dependent columns.
bool factor(const double gram[][kMaxCoefficients], int size, double lower[][kMaxCoefficients],
            double* pivots) {
  bool independent = true;
  for (int row = 0; row < size; row++) {
    for (int col = 0; col < row; col++) {
      double sum = gram[row][col];
      for (int k = 0; k < col; k++) sum -= lower[row][k] * pivots[k] * lower[col][k];
      lower[row][col] = sum / pivots[col];
    }
    double pivot = gram[row][row];
    for (int k = 0; k < row; k++) pivot -= lower[row][k] * lower[row][k] * pivots[k];
    pivots[row] = pivot;
    if (!(pivot > kMinPivot * gram[row][row])) independent = false;
  }
  return independent;
}

void gramOf(const float* values, int C, int P, double gram[][kMaxCoefficients]) {
  for (int row = 0; row < P; row++)
    for (int col = 0; col <= row; col++) {
      double sum = 0;
      for (int c = 0; c < C; c++)
        sum += static_cast<double>(values[c * P + row]) * static_cast<double>(values[c * P + col]);
      gram[row][col] = sum;
    }
}

struct Whitening {
  std::vector<float> planes;
  std::vector<int32_t> pairs;
  explicit Whitening(int C, int P) : planes(size_t(P) * (P + 1) / 2 * kSeedlmPositionsPadded, 0.0f) {
    const float* values = sequence().values.data();
    double gram[kMaxCoefficients][kMaxCoefficients];
    double lower[kMaxCoefficients][kMaxCoefficients];
    double inverse[kMaxCoefficients][kMaxCoefficients];
    double pivots[kMaxCoefficients];
    for (uint32_t position = 0; position < kSeedlmPositions; position++) {
      gramOf(values + position, C, P, gram);
      if (!factor(gram, P, lower, pivots)) continue;
      size_t plane = 0;
      for (int row = 0; row < P; row++) {
        for (int col = 0; col < row; col++) {
          double sum = -lower[row][col];
          for (int k = col + 1; k < row; k++) sum -= lower[row][k] * inverse[k][col];
          inverse[row][col] = sum;
        }
        inverse[row][row] = 1;
        const double root = std::sqrt(pivots[row]);
        for (int col = 0; col <= row; col++)
          planes[plane++ * kSeedlmPositionsPadded + position] = static_cast<float>(inverse[row][col] / root);
      }
    }
    pairs.resize(kSeedlmPositionsPadded + C * P + 64);
    for (size_t i = 0; i < pairs.size(); i++) {
      const uint32_t low = sequence().states[i % kSeedlmPositions] - 32768u;
      const uint32_t high = sequence().states[(i + P) % kSeedlmPositions] - 32768u;
      pairs[i] = static_cast<int32_t>((low & 65535u) | (high << 16));
    }
  }
};

SeedlmTables tablesFor(int C) {
  if (C == 8) {
    static const Whitening* whitening = new Whitening(8, 3);
    return SeedlmTables{whitening->pairs.data(), whitening->planes.data()};
  }
  static const Whitening* whitening = new Whitening(12, 4);
  return SeedlmTables{whitening->pairs.data(), whitening->planes.data()};
}

struct Choice {
  uint32_t position;
  int exponent;
  int coefficients[kMaxCoefficients];
};

// Exact for -8 .. 7.
double powerOfTwo(int exponent) { return static_cast<double>(1u << (exponent + 8)) / 256.0; }

int smallestExponent(double largest) {
  int exponent = kMinExponent;
  while (exponent < kMaxExponent && 7.5 * powerOfTwo(exponent) < largest) exponent++;
  return exponent;
}

// Quantises the coefficients of each candidate (nearest plane, last coefficient first) and keeps the least
// squared error.
Choice choose(const float* weights, int C, int P, const SeedlmCandidate* candidates) {
  const float* values = sequence().values.data();
  Choice best{0, kMinExponent, {0, 0, 0, 0}};
  double bestError = 0;
  for (int c = 0; c < C; c++) bestError += static_cast<double>(weights[c]) * static_cast<double>(weights[c]);
  double gram[kMaxCoefficients][kMaxCoefficients];
  double lower[kMaxCoefficients][kMaxCoefficients];
  double pivots[kMaxCoefficients];
  double projected[kMaxCoefficients];
  double exact[kMaxCoefficients];
  for (uint32_t index = 0; index < kSeedlmCandidates && candidates[index].energy > 0; index++) {
    const float* u = values + candidates[index].position;
    gramOf(u, C, P, gram);
    factor(gram, P, lower, pivots);
    for (int p = 0; p < P; p++) {
      double sum = 0;
      for (int c = 0; c < C; c++) sum += static_cast<double>(weights[c]) * static_cast<double>(u[c * P + p]);
      for (int k = 0; k < p; k++) sum -= lower[p][k] * projected[k];
      projected[p] = sum;
    }
    double largest = 0;
    for (int p = 0; p < P; p++) projected[p] = projected[p] / pivots[p];
    for (int p = P - 1; p >= 0; p--) {
      double sum = projected[p];
      for (int k = p + 1; k < P; k++) sum -= lower[k][p] * exact[k];
      exact[p] = sum;
      if (std::fabs(sum) > largest) largest = std::fabs(sum);
    }
    const int first = smallestExponent(largest);
    for (int exponent = first; exponent >= first - 1 && exponent >= kMinExponent; exponent--) {
      const double step = powerOfTwo(exponent);
      int q[kMaxCoefficients];
      for (int p = P - 1; p >= 0; p--) {
        double centre = projected[p] / step;
        for (int k = p + 1; k < P; k++) centre -= lower[k][p] * q[k];
        const double nearest = std::floor(centre + 0.5);
        q[p] = nearest < -8 ? -8 : nearest > 7 ? 7 : static_cast<int>(nearest);
      }
      double error = 0;
      for (int c = 0; c < C; c++) {
        double sum = 0;
        for (int p = 0; p < P; p++) sum += static_cast<double>(u[c * P + p]) * q[p];
        const double difference = static_cast<double>(weights[c]) - sum * step;
        error += difference * difference;
      }
      if (error < bestError) {
        bestError = error;
        best.position = candidates[index].position;
        best.exponent = exponent;
        for (int p = 0; p < P; p++) best.coefficients[p] = q[p];
      }
    }
  }
  return best;
}

// A row: one 16-bit seed a block, then its nibbles (exponent + 8, then the coefficients + 8), low nibble
// first.
size_t rowBytes(uint32_t blocks, uint32_t P) {
  return size_t(blocks) * 2 + (size_t(blocks) * (P + 1) + 1) / 2;
}

uint32_t blocksOf(const SeedlmShape& shape) {
  return (shape.cols + shape.blockWeights - 1) / shape.blockWeights;
}

void putBlock(uint8_t* row, uint32_t blocks, uint32_t block, int P, const Choice& choice) {
  const uint32_t seed = sequence().states[choice.position];
  row[block * 2] = static_cast<uint8_t>(seed & 255u);
  row[block * 2 + 1] = static_cast<uint8_t>(seed >> 8);
  uint8_t* nibbles = row + size_t(blocks) * 2;
  size_t at = size_t(block) * (P + 1);
  for (int i = 0; i <= P; i++, at++) {
    const int nibble = (i == 0 ? choice.exponent : choice.coefficients[i - 1]) + 8;
    nibbles[at >> 1] = static_cast<uint8_t>(nibbles[at >> 1] | (nibble << (at & 1 ? 4 : 0)));
  }
}

}  // namespace

size_t seedlmBytes(const SeedlmShape& shape) {
  return size_t(shape.rows) * rowBytes(blocksOf(shape), shape.coefficients);
}

void seedlmEncode(const float* data, const SeedlmShape& shape, SimdLevel level, uint8_t* payload) {
  const int C = static_cast<int>(shape.blockWeights);
  const int P = static_cast<int>(shape.coefficients);
  const uint32_t blocks = blocksOf(shape);
  const size_t stride = rowBytes(blocks, shape.coefficients);
  std::memset(payload, 0, seedlmBytes(shape));
  const SeedlmTables tables = tablesFor(C);
  const SeedlmSearch search =
      C == 8 ? VILLAGE_AT_LEVEL(level, searchC8P3) : VILLAGE_AT_LEVEL(level, searchC12P4);
  std::vector<float> weights(kBatch * C);
  std::vector<int32_t> pairs(kBatch * C / 2);
  std::vector<SeedlmCandidate> candidates(kBatch * kSeedlmCandidates);
  const size_t total = size_t(shape.rows) * blocks;
  for (size_t start = 0; start < total; start += kBatch) {
    const size_t count = total - start < kBatch ? total - start : kBatch;
    for (size_t i = 0; i < count; i++) {
      const size_t row = (start + i) / blocks;
      const size_t first = (start + i) % blocks * C;
      float largest = 0;
      for (int c = 0; c < C; c++) {
        const size_t col = first + c;
        const float weight = col < shape.cols ? data[row * shape.cols + col] / shape.scale : 0.0f;
        weights[i * C + c] = weight;
        if (std::fabs(weight) > largest) largest = std::fabs(weight);
      }
      const float factor = largest >= kNegligible ? kSearchRange / largest : 0.0f;
      for (int c = 0; c < C; c += 2) {
        const uint32_t low = static_cast<uint32_t>(toSearchInteger(weights[i * C + c], factor));
        const uint32_t high = static_cast<uint32_t>(toSearchInteger(weights[i * C + c + 1], factor));
        pairs[(i * C + c) / 2] = static_cast<int32_t>((low & 65535u) | (high << 16));
      }
    }
    search(tables, pairs.data(), count, candidates.data());
    for (size_t i = 0; i < count; i++) {
      const Choice choice = choose(&weights[i * C], C, P, &candidates[i * kSeedlmCandidates]);
      const size_t row = (start + i) / blocks;
      putBlock(payload + row * stride, blocks, static_cast<uint32_t>((start + i) % blocks), P, choice);
    }
  }
}

void seedlmDecode(const uint8_t* payload, const SeedlmShape& shape, float* data) {
  const int C = static_cast<int>(shape.blockWeights);
  const int P = static_cast<int>(shape.coefficients);
  const uint32_t blocks = blocksOf(shape);
  const size_t stride = rowBytes(blocks, shape.coefficients);
  const float* values = sequence().values.data();
  for (uint32_t row = 0; row < shape.rows; row++) {
    const uint8_t* packed = payload + row * stride;
    const uint8_t* nibbles = packed + size_t(blocks) * 2;
    float* out = data + size_t(row) * shape.cols;
    for (uint32_t block = 0; block < blocks; block++) {
      const uint32_t seed = packed[block * 2] | (uint32_t(packed[block * 2 + 1]) << 8);
      const float* u = values + sequence().positionOf[seed];
      size_t at = size_t(block) * (P + 1);
      float fields[kMaxCoefficients + 1];
      for (int i = 0; i <= P; i++, at++)
        fields[i] = static_cast<float>(static_cast<int>((nibbles[at >> 1] >> (at & 1 ? 4 : 0)) & 15) - 8);
      const double exact = static_cast<double>(shape.scale) * powerOfTwo(static_cast<int>(fields[0]));
      const float step = static_cast<float>(exact);
      for (int c = 0; c < C && block * C + c < shape.cols; c++) {
        float sum = u[c * P] * fields[1];
        for (int p = 1; p < P; p++) sum = sum + u[c * P + p] * fields[p + 1];
        out[block * C + c] = sum * step;
      }
    }
  }
}

}  // namespace village
