// SeedLM's exhaustive search over all 65,535 seeds. Compiled once a SIMD level: VILLAGE_LEVEL, VILLAGE_LANES.
// Twins: searchPlain in node/compute/reference/seedlm.ts, and seedlm-wasm.ts beside it.
//
// The columns of U are shifts of one sequence, so one dot product by position serves all P columns: with d[i]
// = sum_c w[c] * v[i + c*P], the vector U^T w of position i is (d[i], d[i+1], .. d[i+P-1]). The energy of w
// inside the column space is |L^-1 U^T w|^2, where U^T U = L L^T; L^-1 does not depend on the weights and is
// in the tables. Lanes run neighbouring positions side by side; the operations on one position keep their
// written order.
#include "seedlm_search.h"

#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

namespace village {
namespace VILLAGE_LEVEL {
namespace {

constexpr uint32_t kLanes = VILLAGE_LANES;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntLanes __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef float UnalignedLanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

inline Lanes load(const float* from) { return *reinterpret_cast<const UnalignedLanes*>(from); }
inline void store(float* to, Lanes lanes) { *reinterpret_cast<UnalignedLanes*>(to) = lanes; }
inline Lanes all(float value) { return value - Lanes{}; }

// By lane the dot product of two pairs of 16-bit integers.
inline IntLanes multiplyPairs(IntLanes a, IntLanes b) {
#if defined(__AVX512BW__)
  return (IntLanes)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (IntLanes)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (IntLanes)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}

inline bool anyGreater(Lanes lanes, Lanes bound) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(lanes, bound, _CMP_GT_OQ) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_cmp_ps(lanes, bound, _CMP_GT_OQ)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_ps(_mm_cmpgt_ps(lanes, bound)) != 0;
#else
  int hit = 0;
  for (uint32_t lane = 0; lane < kLanes; lane++) hit |= lanes[lane] > bound[lane];
  return hit != 0;
#endif
}

// Positions by tile: its shifted values, whitening and dot products (34 KiB at P = 3) stay in the first-level
// cache.
constexpr uint32_t kTile = 512;
constexpr uint32_t kTileDots = kTile + 16;
// Blocks side by side, so that one load of a table serves two; only AVX-512 has the registers for it.
constexpr int kGroup = kLanes == 16 ? 2 : 1;

inline void insert(SeedlmCandidate* best, float energy, uint32_t position) {
  uint32_t at = kSeedlmCandidates - 1;
  while (at > 0 && best[at - 1].energy < energy) {
    best[at] = best[at - 1];
    at--;
  }
  best[at] = SeedlmCandidate{energy, position};
}

// d[i] for the tile and the P - 1 positions after it, for G blocks, in exact integers rounded once to float.
// `shifted` holds C / 2 aligned copies of the value pairs, `weights` C / 2 weight pairs a block.
template <int C, int G>
inline void dotProducts(const int32_t* shifted, const int32_t* weights, float* dots) {
  constexpr int kPairs = C / 2;
  IntLanes w[G][kPairs];
  for (int g = 0; g < G; g++)
    for (int c = 0; c < kPairs; c++) w[g][c] = weights[g * kPairs + c] - IntLanes{};
  for (uint32_t i = 0; i < kTileDots; i += kLanes) {
    IntLanes dot[G];
    for (int c = 0; c < kPairs; c++) {
      const IntLanes value = *reinterpret_cast<const IntLanes*>(shifted + c * kTileDots + i);
      for (int g = 0; g < G; g++) {
        const IntLanes product = multiplyPairs(w[g][c], value);
        dot[g] = c == 0 ? product : dot[g] + product;
      }
    }
    for (int g = 0; g < G; g++) store(dots + g * kTileDots + i, __builtin_convertvector(dot[g], Lanes));
  }
}

// The energy of every position of the tile, and by lane the largest of them.
template <int P, int G>
inline void tileEnergies(const float* whitening, const float* dots, float* energies, Lanes* largest) {
  for (int g = 0; g < G; g++) largest[g] = Lanes{};
  for (uint32_t i = 0; i < kTile; i += kLanes) {
    Lanes energy[G];
    for (int row = 0, plane = 0; row < P; row++) {
      Lanes y[G];
      for (int p = 0; p <= row; p++, plane++) {
        const Lanes factor = load(whitening + size_t(plane) * kSeedlmPositionsPadded + i);
        for (int g = 0; g < G; g++) {
          const Lanes product = factor * load(dots + g * kTileDots + i + p);
          y[g] = p == 0 ? product : y[g] + product;
        }
      }
      for (int g = 0; g < G; g++) energy[g] = row == 0 ? y[g] * y[g] : energy[g] + y[g] * y[g];
    }
    for (int g = 0; g < G; g++) {
      store(energies + g * kTile + i, energy[g]);
      largest[g] = energy[g] > largest[g] ? energy[g] : largest[g];
    }
  }
}

// Takes the positions of a tile that beat the worst candidate kept so far. Most tiles have none.
inline void offerTile(const float* energies, Lanes largest, uint32_t start, SeedlmCandidate* kept) {
  if (!anyGreater(largest, all(kept[kSeedlmCandidates - 1].energy))) return;
  for (uint32_t i = 0; i < kTile; i += kLanes) {
    if (!anyGreater(load(energies + i), all(kept[kSeedlmCandidates - 1].energy))) continue;
    for (uint32_t at = i; at < i + kLanes; at++)
      if (energies[at] > kept[kSeedlmCandidates - 1].energy) insert(kept, energies[at], start + at);
  }
}

template <int C, int P, int G>
inline void searchTile(const int32_t* shifted, const float* whitening, const int32_t* blocks, uint32_t start,
                       SeedlmCandidate* best) {
  alignas(64) float dots[G * kTileDots];
  alignas(64) float energies[G * kTile];
  Lanes largest[G];
  dotProducts<C, G>(shifted, blocks, dots);
  tileEnergies<P, G>(whitening, dots, energies, largest);
  for (int g = 0; g < G; g++)
    offerTile(energies + g * kTile, largest[g], start, best + g * kSeedlmCandidates);
}

template <int C, int P>
void search(const SeedlmTables& tables, const int32_t* blocks, size_t count, SeedlmCandidate* best) {
  for (size_t i = 0; i < count * kSeedlmCandidates; i++) best[i] = SeedlmCandidate{0.0f, 0};
  alignas(64) int32_t shifted[C / 2 * kTileDots];
  for (uint32_t start = 0; start < kSeedlmPositionsPadded; start += kTile) {
    for (int c = 0; c < C / 2; c++)
      std::memcpy(shifted + c * kTileDots, tables.pairs + start + c * 2 * P, kTileDots * sizeof(int32_t));
    const float* whitening = tables.whitening + start;
    size_t block = 0;
    const auto pairs = [&] { return blocks + block * (C / 2); };
    const auto kept = [&] { return best + block * kSeedlmCandidates; };
    for (; block + kGroup <= count; block += kGroup)
      searchTile<C, P, kGroup>(shifted, whitening, pairs(), start, kept());
    for (; block < count; block++) searchTile<C, P, 1>(shifted, whitening, pairs(), start, kept());
  }
}

}  // namespace

void searchC8P3(const SeedlmTables& tables, const int32_t* blocks, size_t count, SeedlmCandidate* best) {
  search<8, 3>(tables, blocks, count, best);
}

void searchC12P4(const SeedlmTables& tables, const int32_t* blocks, size_t count, SeedlmCandidate* best) {
  search<12, 4>(tables, blocks, count, best);
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
