// What training a codebook of VPTQ takes: nearest entries and the start of k-means. Compiled once a SIMD level:
// VILLAGE_LEVEL, VILLAGE_LANES. Twin: node/compute/reference/vptq-search.ts. Lanes run neighbouring points side by side.
#include "vptq_search.h"

namespace village {
namespace VILLAGE_LEVEL {
namespace {

// Costs are summed by blocks of points, and the blocks then: a draw looks at a block, not at every point.
constexpr size_t kSpreadBlock = 256;

}  // namespace

void vptqNearest(const float* points, size_t count, uint32_t vector, const float* codebook, uint32_t entries,
                 uint32_t* nearest) {
  searchNearest(Search(codebook, entries, vector), points, count, nearest);
}

void vptqSpread(const float* points, const float* weights, size_t count, uint32_t vector, const double* draws,
                uint32_t entries, uint32_t* chosen) {
  // A plane for each row of the vector, so that lanes are neighbouring points; padded with points of no weight.
  const size_t padded = (count + kSpreadBlock - 1) / kSpreadBlock * kSpreadBlock;
  Scratch<float> planes(padded * vector);
  Scratch<float> weight(padded);
  Scratch<float> distance(padded);
  Scratch<float> cost(padded);
  Scratch<double> blocks(padded / kSpreadBlock);
  for (size_t i = 0; i < count; i++) {
    weight[i] = weights[i];
    distance[i] = kInfinity;
    cost[i] = weights[i];
    for (uint32_t d = 0; d < vector; d++) planes[d * padded + i] = points[i * vector + d];
  }
  for (uint32_t entry = 0; entry < entries; entry++) {
    double total = 0;
    for (size_t block = 0; block < blocks.size(); block++) {
      double sum = 0;
      for (size_t i = block * kSpreadBlock; i < (block + 1) * kSpreadBlock; i++) sum += double(cost[i]);
      blocks[block] = sum;
      total += sum;
    }
    size_t pick = entry % count;
    if (total > 0) {
      double left = draws[entry] * total;
      size_t block = 0;
      while (block + 1 < blocks.size() && left >= blocks[block]) left -= blocks[block++];
      pick = block * kSpreadBlock;
      const size_t last = (block + 1) * kSpreadBlock < count ? (block + 1) * kSpreadBlock - 1 : count - 1;
      while (pick < last && left >= double(cost[pick])) left -= double(cost[pick++]);
    }
    chosen[entry] = static_cast<uint32_t>(pick);
    const float* point = points + pick * vector;
    for (size_t i = 0; i < padded; i += kLanes) {
      Lanes square = Lanes{};
      for (uint32_t d = 0; d < vector; d++) {
        const Lanes difference = load(planes.data() + d * padded + i) - all(point[d]);
        square = square + difference * difference;
      }
      const Lanes before = load(distance.data() + i);
      const Lanes now = square < before ? square : before;
      store(distance.data() + i, now);
      store(cost.data() + i, now * load(weight.data() + i));
    }
  }
}

}  // namespace VILLAGE_LEVEL
}  // namespace village
