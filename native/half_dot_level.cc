// Dot products of half-precision rows. Compiled once a SIMD level: VILLAGE_LEVEL, VILLAGE_LANES.
#include <cstring>

#include "half_dot.h"
#include "scratch.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace village {
namespace VILLAGE_LEVEL {
namespace {

// Eight at a time, whatever the registers hold: the compiler splits them.
constexpr uint32_t kWide = 8;
constexpr uint32_t kParts = kHalfDotSums / kWide;
typedef double Doubles __attribute__((vector_size(kWide * sizeof(double))));
#if !defined(__AVX512F__)
typedef uint16_t Halves __attribute__((vector_size(kWide * sizeof(uint16_t))));
typedef uint32_t Words __attribute__((vector_size(kWide * sizeof(uint32_t))));
typedef int32_t Signed __attribute__((vector_size(kWide * sizeof(int32_t))));
typedef float Floats __attribute__((vector_size(kWide * sizeof(float))));
#endif

// Eight halves as doubles, exactly.
inline Doubles widen(const uint16_t* from) {
#if defined(__AVX512F__)
  // With masks that keep everything: the plain forms make GCC 12 warn of its own headers.
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return (Doubles)_mm512_maskz_cvtps_pd(0xff, _mm256_maskz_cvtph_ps(0xff, halves));
#else
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const Words bits = __builtin_convertvector(halves, Words);
  const Words magnitude = (bits & 0x7fffu) << 13;
  // Below 2^-14 the mantissa counts from 2^-24: put behind the leading one of 2^-14, which is then taken away.
  const Floats small = (Floats)(magnitude + (113u << 23)) - 6.103515625e-5f;
  const Words normal = magnitude + (112u << 23);
  const Words special = magnitude + (224u << 23);
  const Signed isSmall = (Signed)(magnitude < (1u << 23));
  const Signed isSpecial = (Signed)(magnitude >= (31u << 23));
  const Words value = ((Words)small & (Words)isSmall) | (normal & ~(Words)isSmall & ~(Words)isSpecial) |
                      (special & (Words)isSpecial);
  return __builtin_convertvector((Floats)(value | ((bits & 0x8000u) << 16)), Doubles);
#endif
}

inline double total(const double* sums) {
  double work[kHalfDotSums];
  std::memcpy(work, sums, sizeof work);
  for (uint32_t apart = kHalfDotSums / 2; apart > 0; apart /= 2)
    for (uint32_t l = 0; l < apart; l++) work[l] += work[l + apart];
  return work[0];
}

}  // namespace

void halfDots(const uint16_t* rows, const float* query, uint32_t count, uint32_t cols, double* dots) {
  // Zeros up to a whole number of sums: they change none of them.
  const uint32_t padded = (cols + kHalfDotSums - 1) / kHalfDotSums * kHalfDotSums;
  const uint32_t whole = cols / kHalfDotSums * kHalfDotSums;
  Scratch<double> factors(padded);
  for (uint32_t col = 0; col < cols; col++) factors[col] = query[col];
  for (uint32_t row = 0; row < count; row++) {
    const uint16_t* values = rows + size_t(row) * cols;
    Doubles sums[kParts] = {};
    const auto take = [&](const uint16_t* from, uint32_t col) {
      for (uint32_t part = 0; part < kParts; part++) {
        Doubles factor;
        std::memcpy(&factor, factors.data() + col + part * kWide, sizeof factor);
        sums[part] += widen(from + part * kWide) * factor;
      }
    };
    for (uint32_t col = 0; col < whole; col += kHalfDotSums) take(values + col, col);
    if (whole < cols) {
      uint16_t tail[kHalfDotSums] = {};
      std::memcpy(tail, values + whole, (cols - whole) * sizeof(uint16_t));
      take(tail, whole);
    }
    double flat[kHalfDotSums];
    std::memcpy(flat, sums, sizeof flat);
    dots[row] = total(flat);
  }
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
