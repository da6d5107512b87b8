// The nearest entries of a codebook, for the files that are compiled once a SIMD level: VILLAGE_LEVEL, VILLAGE_LANES.
// Twin: node/compute/reference/vptq-search.ts. Lanes run neighbouring entries side by side; what concerns one of them
// keeps its written order. Everything is local to the object file.
#pragma once
#include "scratch.h"
#include "vptq_layout.h"

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

constexpr float kInfinity = __builtin_inff();

// A codebook as the search wants it: a plane for each row of the vector, and -|c|^2 / 2.
struct Search {
  uint32_t vector;
  uint32_t entries;
  Scratch<float> planes;
  Scratch<float> bias;

  Search(const float* codebook, uint32_t count, uint32_t vectorRows)
      : vector(vectorRows), entries(count), planes(size_t(count) * vectorRows), bias(count) {
    for (uint32_t entry = 0; entry < count; entry++) {
      float square = 0;
      for (uint32_t d = 0; d < vectorRows; d++) {
        const float value = codebook[size_t(entry) * vectorRows + d];
        planes[size_t(d) * count + entry] = value;
        square += value * value;
      }
      bias[entry] = -0.5f * square;
    }
  }
};

// The nearest entry has the largest x.c - |c|^2 / 2; the first among equals. G points share the loads of a codebook.
template <int V, int G>
inline void searchPoints(const Search& search, const float* points, uint32_t* nearest) {
  Lanes best[G];
  IntLanes at[G];
  for (int g = 0; g < G; g++) {
    best[g] = all(-kInfinity);
    at[g] = IntLanes{};
  }
  for (uint32_t i = 0; i < search.entries; i += kLanes) {
    Lanes planes[V];
    for (int d = 0; d < V; d++) planes[d] = load(search.planes.data() + size_t(d) * search.entries + i);
    const Lanes bias = load(search.bias.data() + i);
    const IntLanes here = static_cast<int32_t>(i) - IntLanes{};
    for (int g = 0; g < G; g++) {
      Lanes score = bias;
      for (int d = 0; d < V; d++) score = score + all(points[g * V + d]) * planes[d];
      const IntLanes better = score > best[g];
      best[g] = better ? score : best[g];
      at[g] = better ? here : at[g];
    }
  }
  for (int g = 0; g < G; g++) {
    float score = best[g][0];
    uint32_t index = static_cast<uint32_t>(at[g][0]);
    for (uint32_t lane = 1; lane < kLanes; lane++) {
      const uint32_t other = static_cast<uint32_t>(at[g][lane]) + lane;
      if (best[g][lane] > score || (best[g][lane] == score && other < index)) {
        score = best[g][lane];
        index = other;
      }
    }
    nearest[g] = index;
  }
}

template <int V>
inline void searchAll(const Search& search, const float* points, size_t count, uint32_t* nearest) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) searchPoints<V, 4>(search, points + i * V, nearest + i);
  for (; i < count; i++) searchPoints<V, 1>(search, points + i * V, nearest + i);
}

inline void searchNearest(const Search& search, const float* points, size_t count, uint32_t* nearest) {
  switch (search.vector) {
    case 2: return searchAll<2>(search, points, count, nearest);
    case 3: return searchAll<3>(search, points, count, nearest);
    case 4: return searchAll<4>(search, points, count, nearest);
    case 6: return searchAll<6>(search, points, count, nearest);
    default: return searchAll<8>(search, points, count, nearest);
  }
}

}  // namespace
}  // namespace VILLAGE_LEVEL
}  // namespace village
