// The keys of 16 positions of seedlm's search, for the SIMD level that the including file is compiled for: the energy
// of a block inside the column space of U, in the high half of 32 bits, above the position. Exact integers: every level
// gives the same.
#pragma once
#include <cstring>

#include "seedlm_search.h"

#if defined(__SSE2__)
#include <immintrin.h>
// GCC 12 takes the undefined operands inside its own AVX-512 headers for mistakes of their callers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace village {
namespace VILLAGE_LEVEL {
namespace {

#if defined(__AVX512BW__)

typedef __m512i Keys; // of 16 positions
template <int C>
struct Weights {
  __m512i first;
  __m512i rest;
  explicit Weights(const SeedlmProbe& probe) {
    const __m128i low = _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(probe.weights)));
    const __m128i high =
        _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(probe.weights + 8)));
    first = C == 8 ? _mm512_maskz_broadcast_i32x4(0x0fff, low) : _mm512_broadcast_i32x4(low);
    rest = _mm512_broadcast_i32x4(high);
  }
};

// By 128-bit lane the partial sums of a row.
template <int C>
inline __m512i products(const int8_t* record, const Weights<C>& weights) {
  const __m512i first = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(record)));
  const __m512i sums = _mm512_madd_epi16(first, weights.first);
  if constexpr (C == 8) return sums;
  const __m512i rest = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(record + 32)));
  return _mm512_add_epi32(sums, _mm512_madd_epi16(rest, weights.rest));
}

// By 128-bit lane a row, in it the dot products of four positions.
template <int C>
inline __m512i fourRows(const int8_t* records, const uint16_t* positions, const Weights<C>& weights) {
  constexpr size_t kStride = seedlmRecordBytes(C);
  const __m512i a = products<C>(records + positions[0] * kStride, weights);
  const __m512i b = products<C>(records + positions[1] * kStride, weights);
  const __m512i c = products<C>(records + positions[2] * kStride, weights);
  const __m512i d = products<C>(records + positions[3] * kStride, weights);
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

template <int C>
inline Keys keysOf(const int8_t* records, const uint16_t* positions, const Weights<C>& weights) {
  const __m512i a = fourRows<C>(records, positions, weights);
  const __m512i b = fourRows<C>(records, positions + 4, weights);
  const __m512i c = fourRows<C>(records, positions + 8, weights);
  const __m512i d = fourRows<C>(records, positions + 12, weights);
  const __m512i abLow = _mm512_shuffle_i32x4(a, b, 0x44);
  const __m512i cdLow = _mm512_shuffle_i32x4(c, d, 0x44);
  const __m512i abHigh = _mm512_shuffle_i32x4(a, b, 0xee);
  const __m512i cdHigh = _mm512_shuffle_i32x4(c, d, 0xee);
  const __m512i row0 = _mm512_shuffle_i32x4(abLow, cdLow, 0x88);
  const __m512i row1 = _mm512_shuffle_i32x4(abLow, cdLow, 0xdd);
  const __m512i row2 = _mm512_shuffle_i32x4(abHigh, cdHigh, 0x88);
  __m512i energy = _mm512_add_epi32(_mm512_mullo_epi32(row0, row0), _mm512_mullo_epi32(row1, row1));
  energy = _mm512_add_epi32(energy, _mm512_mullo_epi32(row2, row2));
  if constexpr (C == 12) {
    const __m512i row3 = _mm512_shuffle_i32x4(abHigh, cdHigh, 0xdd);
    energy = _mm512_add_epi32(energy, _mm512_mullo_epi32(row3, row3));
  }
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(positions)));
  return _mm512_ternarylogic_epi32(energy, _mm512_set1_epi32(65535), low, 0xba);
}

inline Keys larger(Keys a, Keys b) { return _mm512_max_epu32(a, b); }
inline Keys none() { return _mm512_setzero_si512(); }
inline void store(uint32_t* to, Keys keys) { _mm512_storeu_si512(to, keys); }

#elif defined(__AVX2__)

struct Keys {
  __m256i low, high;
};
template <int C>
struct Weights {
  __m256i first;
  __m256i rest;
  explicit Weights(const SeedlmProbe& probe) {
    first = _mm256_broadcastsi128_si256(
        _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(probe.weights))));
    rest = _mm256_broadcastsi128_si256(
        _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(probe.weights + 8))));
  }
};

inline __m256i extended(const int8_t* record) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(record)));
}

// By 128-bit lane the partial sums of two rows, `pair` 0 or 1.
template <int C>
inline __m256i products(const int8_t* record, int pair, const Weights<C>& weights) {
  const __m256i sums = _mm256_madd_epi16(extended(record + pair * 16), weights.first);
  if constexpr (C == 8) return sums;
  return _mm256_add_epi32(sums, _mm256_madd_epi16(extended(record + 32 + pair * 16), weights.rest));
}

template <int C>
inline __m256i fourRows(const int8_t* records, const uint16_t* positions, int pair, const Weights<C>& weights) {
  constexpr size_t kStride = seedlmRecordBytes(C);
  const __m256i ab = _mm256_hadd_epi32(products<C>(records + positions[0] * kStride, pair, weights),
                                       products<C>(records + positions[1] * kStride, pair, weights));
  const __m256i cd = _mm256_hadd_epi32(products<C>(records + positions[2] * kStride, pair, weights),
                                       products<C>(records + positions[3] * kStride, pair, weights));
  return _mm256_hadd_epi32(ab, cd);
}

inline __m256i square(__m256i value) { return _mm256_mullo_epi32(value, value); }

template <int C>
inline __m256i eightKeys(const int8_t* records, const uint16_t* positions, const Weights<C>& weights) {
  const __m256i a = fourRows<C>(records, positions, 0, weights);
  const __m256i b = fourRows<C>(records, positions + 4, 0, weights);
  const __m256i c = fourRows<C>(records, positions, 1, weights);
  const __m256i d = fourRows<C>(records, positions + 4, 1, weights);
  __m256i energy = _mm256_add_epi32(square(_mm256_permute2x128_si256(a, b, 0x20)),
                                    square(_mm256_permute2x128_si256(a, b, 0x31)));
  energy = _mm256_add_epi32(energy, square(_mm256_permute2x128_si256(c, d, 0x20)));
  // With C = 8 the fourth row is that of the next record.
  if constexpr (C == 12) energy = _mm256_add_epi32(energy, square(_mm256_permute2x128_si256(c, d, 0x31)));
  const __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(positions)));
  return _mm256_or_si256(_mm256_andnot_si256(_mm256_set1_epi32(65535), energy), low);
}

template <int C>
inline Keys keysOf(const int8_t* records, const uint16_t* positions, const Weights<C>& weights) {
  return Keys{eightKeys<C>(records, positions, weights), eightKeys<C>(records, positions + 8, weights)};
}

inline Keys larger(Keys a, Keys b) {
  return Keys{_mm256_max_epu32(a.low, b.low), _mm256_max_epu32(a.high, b.high)};
}
inline Keys none() { return Keys{_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline void store(uint32_t* to, Keys keys) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), keys.low);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), keys.high);
}

#else

typedef int8_t Bytes __attribute__((vector_size(8)));
typedef int16_t Halves __attribute__((vector_size(16)));
typedef int32_t Sums __attribute__((vector_size(16)));
typedef uint32_t Quad __attribute__((vector_size(16)));
constexpr uint32_t kQuads = kSeedlmGroup / 4;

struct Keys {
  Quad quads[kQuads];
};
template <int C>
struct Weights {
  Halves first;
  Halves rest;
  explicit Weights(const SeedlmProbe& probe) {
    Bytes bytes;
    std::memcpy(&bytes, probe.weights, sizeof bytes);
    first = __builtin_convertvector(bytes, Halves);
    std::memcpy(&bytes, probe.weights + 8, sizeof bytes);
    rest = __builtin_convertvector(bytes, Halves);
  }
};

#if defined(__clang__)
#define VILLAGE_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define VILLAGE_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Sums{__VA_ARGS__})
#endif

// Eight bytes times eight weights, summed by pairs.
inline Sums products(const int8_t* entries, Halves weights) {
#if defined(__SSE2__)
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(entries));
  const __m128i halves = _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
  return (Sums)_mm_madd_epi16(halves, (__m128i)weights);
#else
  Bytes bytes;
  std::memcpy(&bytes, entries, sizeof bytes);
  // Products fit 16 bits.
  const Sums pairs = (Sums)(__builtin_convertvector(bytes, Halves) * weights);
  return ((pairs << 16) >> 16) + (pairs >> 16);
#endif
}

template <int C>
inline Sums rowProducts(const int8_t* record, int row, const Weights<C>& weights) {
  const Sums sums = products(record + row * 8, weights.first);
  if constexpr (C == 8) return sums;
  return sums + products(record + 32 + row * 8, weights.rest);
}

template <int C>
inline Quad fourKeys(const int8_t* records, const uint16_t* positions, const Weights<C>& weights) {
  constexpr int P = C == 8 ? 3 : 4;
  const int8_t* at[4];
  for (int lane = 0; lane < 4; lane++) at[lane] = records + size_t(positions[lane]) * seedlmRecordBytes(C);
  Quad energy = {};
  for (int row = 0; row < P; row++) {
    const Sums a = rowProducts<C>(at[0], row, weights);
    const Sums b = rowProducts<C>(at[1], row, weights);
    const Sums c = rowProducts<C>(at[2], row, weights);
    const Sums d = rowProducts<C>(at[3], row, weights);
    const Sums ab = VILLAGE_SHUFFLE(a, b, 0, 4, 1, 5) + VILLAGE_SHUFFLE(a, b, 2, 6, 3, 7);
    const Sums cd = VILLAGE_SHUFFLE(c, d, 0, 4, 1, 5) + VILLAGE_SHUFFLE(c, d, 2, 6, 3, 7);
    const Quad dots = (Quad)(VILLAGE_SHUFFLE(ab, cd, 0, 1, 4, 5) + VILLAGE_SHUFFLE(ab, cd, 2, 3, 6, 7));
    energy += dots * dots;
  }
  const Quad low = {positions[0], positions[1], positions[2], positions[3]};
  return (energy & ~65535u) | low;
}

template <int C>
inline Keys keysOf(const int8_t* records, const uint16_t* positions, const Weights<C>& weights) {
  Keys keys;
  for (uint32_t i = 0; i < kQuads; i++) keys.quads[i] = fourKeys<C>(records, positions + i * 4, weights);
  return keys;
}

inline Keys larger(const Keys& a, const Keys& b) {
  Keys keys;
  for (uint32_t i = 0; i < kQuads; i++) keys.quads[i] = a.quads[i] > b.quads[i] ? a.quads[i] : b.quads[i];
  return keys;
}
inline Keys none() { return Keys{}; }
inline void store(uint32_t* to, const Keys& keys) { std::memcpy(to, keys.quads, sizeof keys.quads); }

#endif

}  // namespace
}  // namespace VILLAGE_LEVEL
}  // namespace village
