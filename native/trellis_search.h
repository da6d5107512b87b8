// The Viterbi search of the trellis codec. Included by files that are compiled once a SIMD level (VILLAGE_LEVEL,
// VILLAGE_LANES). Twin: node/compute/reference/trellis-search.ts. Lanes run neighbouring histories side by side; the
// operations on one state keep their written order.
#pragma once
#include <limits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "scratch.h"
#include "trellis_layout.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr uint32_t kLanes = VILLAGE_LANES;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef float MemoryLanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

constexpr uint32_t kWindow = 512;  // the most weights that one search looks at
constexpr float kUnreachable = 1e30f;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

inline Lanes load(const float* from) { return *reinterpret_cast<const MemoryLanes*>(from); }
inline void store(float* to, Lanes lanes) { *reinterpret_cast<MemoryLanes*>(to) = lanes; }
inline Lanes all(float value) { return value - Lanes{}; }

// By lane the lesser of two floats that are not negative: their bits are then in the same order as integers, whose
// comparison leaves the units that add floats free.
inline Lanes lesser(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  return (Lanes)_mm512_maskz_min_epi32(0xffff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Lanes)_mm256_min_epi32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (Lanes)_mm_min_ps((__m128)a, (__m128)b);
#else
  typedef int32_t IntLanes __attribute__((vector_size(kLanes * sizeof(int32_t))));
  const IntLanes less = a < b;
  return (Lanes)(((IntLanes)a & less) | ((IntLanes)b & ~less));
#endif
}

// Lane i gets from[i >> bits]. Four floats can be read at `from`.
template <uint32_t bits>
inline Lanes spread(const float* from) {
#if defined(__AVX512F__)
  if constexpr (bits < 4) {
    const __m512i lanes = bits == 2 ? _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
                                    : _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    return (Lanes)_mm512_maskz_permutexvar_ps(0xffff, lanes, _mm512_zextps128_ps512(_mm_loadu_ps(from)));
  }
#elif defined(__AVX2__)
  if constexpr (bits == 2)
    return (Lanes)_mm256_permutevar8x32_ps(_mm256_zextps128_ps256(_mm_loadu_ps(from)),
                                           _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
#endif
  return all(*from);
}

template <uint32_t bits>
class TrellisSearch {
 public:
  static constexpr uint32_t kHistories = kTrellisStates >> bits;
  static constexpr uint32_t kChoices = 1u << bits;

  TrellisSearch() : values_(trellisValues(bits)), costs_(size_t(kWindow + 1) * kHistories) {}

  // Forgets everything: the next weight comes after `history`.
  void begin(uint32_t history) {
    length_ = 0;
    for (uint32_t i = 0; i < kHistories; i++) costs_[i] = kUnreachable;
    costs_[history] = 0;
  }

  // Adds the next weight, at most kWindow since begin.
  void add(float target, float weight) {
    targets_[length_] = target;
    weights_[length_] = weight;
    const float* before = costsAfter(length_);
    float* after = costsAfter(++length_);
    const Lanes targets = all(target);
    const Lanes weights = all(weight);
    // Vectors whose least costs stay in registers.
    constexpr uint32_t kTogether = kLanes == 16 && bits > 2 ? 8 : 4;
    for (uint32_t history = 0; history < kHistories; history += kTogether * kLanes) {
      Lanes least[kTogether];
      for (Lanes& lanes : least) lanes = all(kInfinity);
      for (uint32_t oldest = 0; oldest < kChoices; oldest++) {
        const float* values = values_ + oldest * kHistories + history;
        const float* from = before + ((oldest * kHistories + history) >> bits);
        for (uint32_t i = 0; i < kTogether; i++) {
          const Lanes error = targets - load(values + i * kLanes);
          const Lanes cost = error * (error * weights) + spread<bits>(from + (i * kLanes >> bits));
          least[i] = lesser(cost, least[i]);
        }
      }
      for (uint32_t i = 0; i < kTogether; i++) store(after + history + i * kLanes, least[i]);
    }
  }

  // Finds the best states of the weights that were added; writes the first `count` of them.
  void trace(uint16_t* states, uint32_t count) {
    uint32_t history = cheapest();
    for (uint32_t step = length_; step-- > 0;) {
      const float* before = costsAfter(step);
      const float target = targets_[step];
      const float weight = weights_[step];
      float least = kInfinity;
      uint32_t chosen = 0;
      for (uint32_t oldest = 0; oldest < kChoices; oldest++) {
        const uint32_t state = oldest * kHistories + history;
        const float error = target - values_[state];
        const float cost = error * (error * weight) + before[state >> bits];
        const bool better = cost < least;
        least = better ? cost : least;
        chosen = better ? state : chosen;
      }
      if (step < count) states[step] = static_cast<uint16_t>(chosen);
      history = chosen >> bits;
    }
  }

 private:
  float* costsAfter(uint32_t count) { return &costs_[size_t(count) * kHistories]; }

  uint32_t cheapest() {
    const float* costs = costsAfter(length_);
    uint32_t best = 0;
    for (uint32_t i = 1; i < kHistories; i++)
      if (costs[i] < costs[best]) best = i;
    return best;
  }

  const float* values_;
  Scratch<float> costs_;  // after 0, 1, .. kWindow weights
  float targets_[kWindow];
  float weights_[kWindow];
  uint32_t length_ = 0;
};

}  // namespace
}  // namespace VILLAGE_LEVEL
}  // namespace village
