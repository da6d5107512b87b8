// Ternary weights: packing and unpacking. Twin: node/compute/reference/ternary.ts.
#include "ternary.h"

#include <cstring>

namespace village {
namespace {

constexpr uint32_t kSums = 8;
constexpr int kRounds = 16;

inline float magnitude(float value) { return value < 0 ? -value : value; }

// The trits of every byte as floats; eight a byte, so that they move as two vectors.
struct Trits {
  float values[256][8] = {};
  bool valid[256] = {};
};

constexpr Trits tritsOf(uint32_t perByte, uint32_t base) {
  Trits trits;
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    bool valid = true;
    for (uint32_t digit = 0; digit < perByte; digit++) {
      const int32_t trit = static_cast<int32_t>(value % base) - 1;
      valid = valid && trit <= 1;
      trits.values[byte][digit] = static_cast<float>(trit);
      value /= base;
    }
    trits.valid[byte] = valid && value == 0;
  }
  return trits;
}

constexpr Trits kTritsOf5 = tritsOf(5, 3);
constexpr Trits kTritsOf4 = tritsOf(4, 4);

size_t rowBytes(const TernaryShape& shape) {
  return (shape.rowScales ? 4 : 0) + (size_t(shape.cols) + shape.perByte - 1) / shape.perByte;
}

// The scale of least squared error by Lloyd's alternation: weights beyond half the scale take it, and the scale is
// their mean. It begins at the mean magnitude of all, BitNet's scale. Eight sums run side by side and are added in
// order.
float rowScale(const float* weights, uint32_t cols) {
  double threshold = -1;
  for (int round = 0; round <= kRounds; round++) {
    double sums[kSums] = {0};
    double counts[kSums] = {0};
    for (uint32_t col = 0; col < cols; col++) {
      const double size = magnitude(weights[col]);
      sums[col % kSums] += size > threshold ? size : 0.0;
      counts[col % kSums] += size > threshold ? 1.0 : 0.0;
    }
    double sum = 0;
    double count = 0;
    for (uint32_t i = 0; i < kSums; i++) {
      sum += sums[i];
      count += counts[i];
    }
    const float scale = count > 0 ? static_cast<float>(sum / count) : 0.0f;
    const double next = 0.5 * static_cast<double>(scale);
    if (next == threshold || round == kRounds) return scale;
    threshold = next;
  }
  return 0;
}

void putFloat(uint8_t* at, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  for (int i = 0; i < 4; i++) at[i] = static_cast<uint8_t>(bits >> (8 * i));
}

float getFloat(const uint8_t* at) {
  uint32_t bits = 0;
  for (int i = 0; i < 4; i++) bits |= uint32_t(at[i]) << (8 * i);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The digits 0, 1, 2 of up to `perByte` weights; those that are missing are 1.
template <uint32_t perByte>
inline uint8_t pack(const float* weights, uint32_t count, float scale, double half, bool* exact) {
  constexpr uint32_t base = perByte == 5 ? 3 : 4;
  uint32_t value = 0;
  for (uint32_t digit = perByte; digit-- > 0;) {
    const float weight = digit < count ? weights[digit] : 0.0f;
    const bool some = static_cast<double>(magnitude(weight)) > half;
    const int32_t trit = some ? (weight < 0 ? -1 : 1) : 0;
    *exact = *exact && static_cast<float>(trit) * scale == weight;
    value = value * base + static_cast<uint32_t>(trit + 1);
  }
  return static_cast<uint8_t>(value);
}

template <uint32_t perByte>
bool encode(const float* data, const TernaryShape& shape, uint8_t* payload) {
  const size_t stride = rowBytes(shape);
  bool exact = true;
  for (uint32_t row = 0; row < shape.rows; row++) {
    const float* weights = data + size_t(row) * shape.cols;
    uint8_t* out = payload + row * stride;
    const float scale = shape.rowScales ? rowScale(weights, shape.cols) : shape.scale;
    const double half = 0.5 * static_cast<double>(scale);
    if (shape.rowScales) {
      putFloat(out, scale);
      out += 4;
    }
    uint32_t col = 0;
    for (; col + perByte <= shape.cols; col += perByte)
      *out++ = pack<perByte>(weights + col, perByte, scale, half, &exact);
    if (col < shape.cols) *out = pack<perByte>(weights + col, shape.cols - col, scale, half, &exact);
  }
  return exact;
}

template <uint32_t perByte>
bool decode(const uint8_t* payload, const TernaryShape& shape, const Trits& trits, float* data) {
  const size_t stride = rowBytes(shape);
  const size_t whole = size_t(shape.rows) * shape.cols;
  bool valid = true;
  for (uint32_t row = 0; row < shape.rows; row++) {
    const uint8_t* from = payload + row * stride;
    float scale = shape.scale;
    if (shape.rowScales) {
      uint32_t bits;
      scale = getFloat(from);
      std::memcpy(&bits, &scale, sizeof bits);
      valid = valid && bits < 0x7f800000u;
      from += 4;
    }
    const size_t first = size_t(row) * shape.cols;
    size_t at = first;
    // Eight floats are written for each byte; what is too many is written again by the next ones.
    for (; at + perByte <= first + shape.cols && at + 8 <= whole; at += perByte) {
      const uint8_t byte = *from++;
      valid = valid & trits.valid[byte];
      float values[8];
      // Adding zero turns -0 into 0.
      for (uint32_t digit = 0; digit < 8; digit++) values[digit] = trits.values[byte][digit] * scale + 0.0f;
      std::memcpy(data + at, values, sizeof values);
    }
    for (; at < first + shape.cols; at += perByte) {
      const uint8_t byte = *from++;
      valid = valid & trits.valid[byte];
      for (uint32_t digit = 0; digit < perByte; digit++) {
        if (at + digit < first + shape.cols) data[at + digit] = trits.values[byte][digit] * scale + 0.0f;
        else valid = valid && trits.values[byte][digit] == 0;
      }
    }
  }
  return valid;
}

}  // namespace

size_t ternaryBytes(const TernaryShape& shape) { return rowBytes(shape) * shape.rows; }

bool ternaryEncode(const float* data, const TernaryShape& shape, uint8_t* payload) {
  return (shape.perByte == 5 ? encode<5> : encode<4>)(data, shape, payload);
}

bool ternaryDecode(const uint8_t* payload, const TernaryShape& shape, float* data) {
  return shape.perByte == 5 ? decode<5>(payload, shape, kTritsOf5, data)
                            : decode<4>(payload, shape, kTritsOf4, data);
}

}  // namespace village
