// Dot products of half-precision rows. Compiled once a SIMD level: VILLAGE_LEVEL, VILLAGE_LANES.
#include <cstring>

#include "half_dot.h"
#include "scratch.h"
#if defined(__F16C__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace village {
namespace VILLAGE_LEVEL {
namespace {

#if defined(__F16C__) || defined(__AVX512F__)

// As many doubles as a register holds, and as many registers as that makes of the sums.
constexpr uint32_t kVector = VILLAGE_LANES / 2;
constexpr uint32_t kParts = kHalfDotSums / kVector;

#if defined(__AVX512F__)
typedef __m512d Doubles;
inline Doubles widen(const uint16_t* from) {
  // With masks that keep everything: the plain forms make GCC 12 warn of its own headers.
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm512_maskz_cvtps_pd(0xff, _mm256_maskz_cvtph_ps(0xff, halves));
}
inline Doubles load(const double* from) { return _mm512_loadu_pd(from); }
inline void store(double* to, Doubles values) { _mm512_storeu_pd(to, values); }
#else
typedef __m256d Doubles;
inline Doubles widen(const uint16_t* from) {
  return _mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}
inline Doubles load(const double* from) { return _mm256_loadu_pd(from); }
inline void store(double* to, Doubles values) { _mm256_storeu_pd(to, values); }
#endif

// Adds the products of `groups` times kHalfDotSums columns to the sums.
inline void addProducts(const uint16_t* values, const double* factors, uint32_t groups, double* sums) {
  Doubles parts[kParts];
#pragma GCC unroll 8
  for (uint32_t part = 0; part < kParts; part++) parts[part] = load(sums + part * kVector);
  for (uint32_t group = 0; group < groups; group++) {
#pragma GCC unroll 8
    for (uint32_t part = 0; part < kParts; part++) {
      const uint32_t at = group * kHalfDotSums + part * kVector;
      parts[part] += widen(values + at) * load(factors + at);
    }
  }
#pragma GCC unroll 8
  for (uint32_t part = 0; part < kParts; part++) store(sums + part * kVector, parts[part]);
}

#else

// A group of halves as floats, exactly, in loops that every compiler makes vectors of.
inline void widen(const uint16_t* from, float* into) {
  uint32_t magnitudes[kHalfDotSums], words[kHalfDotSums];
  for (uint32_t l = 0; l < kHalfDotSums; l++) magnitudes[l] = (uint32_t(from[l]) & 0x7fffu) << 13;
  // Below 2^-14 a mantissa counts from 2^-24: put behind the leading one of 2^-14, which is then taken away.
  for (uint32_t l = 0; l < kHalfDotSums; l++) words[l] = magnitudes[l] + (113u << 23);
  std::memcpy(into, words, sizeof words);
  for (uint32_t l = 0; l < kHalfDotSums; l++) into[l] -= 6.103515625e-5f;
  std::memcpy(words, into, sizeof words);
  for (uint32_t l = 0; l < kHalfDotSums; l++) {
    const uint32_t magnitude = magnitudes[l];
    const uint32_t isSmall = 0u - uint32_t(magnitude < (1u << 23));
    const uint32_t isSpecial = 0u - uint32_t(magnitude >= (31u << 23));
    const uint32_t usual = magnitude + (112u << 23) + (isSpecial & (112u << 23));
    words[l] = (isSmall & words[l]) | (~isSmall & usual) | ((uint32_t(from[l]) & 0x8000u) << 16);
  }
  std::memcpy(into, words, sizeof words);
}

inline void addProducts(const uint16_t* values, const double* factors, uint32_t groups, double* sums) {
  for (uint32_t group = 0; group < groups; group++) {
    float floats[kHalfDotSums];
    const uint32_t at = group * kHalfDotSums;
    widen(values + at, floats);
    for (uint32_t l = 0; l < kHalfDotSums; l++) sums[l] += double(floats[l]) * factors[at + l];
  }
}

#endif

}  // namespace

void halfDots(const uint16_t* rows, const float* query, uint32_t count, uint32_t cols, double* dots) {
  // Zeros up to a whole number of groups: they change no sum.
  const uint32_t groups = cols / kHalfDotSums;
  const uint32_t whole = groups * kHalfDotSums;
  Scratch<double> factors(whole + kHalfDotSums);
  for (uint32_t col = 0; col < cols; col++) factors[col] = query[col];
  for (uint32_t row = 0; row < count; row++) {
    const uint16_t* values = rows + size_t(row) * cols;
    double sums[kHalfDotSums] = {};
    addProducts(values, factors.data(), groups, sums);
    if (whole < cols) {
      uint16_t rest[kHalfDotSums] = {};
      std::memcpy(rest, values + whole, (cols - whole) * sizeof(uint16_t));
      addProducts(rest, factors.data() + whole, 1, sums);
    }
    for (uint32_t apart = kHalfDotSums / 2; apart > 0; apart /= 2)
      for (uint32_t l = 0; l < apart; l++) sums[l] += sums[l + apart];
    dots[row] = sums[0];
  }
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
