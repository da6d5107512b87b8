import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  cosineMatrix,
  groupAccuracy,
  groupHits,
  keptGroups,
  nearestNeighbours,
  rankPairs,
  scoreSimilarity,
  type VectorSet,
} from '../../../node/compute/evaluate/scores.ts'
import { seededRandom } from '../../../node/compute/evaluate/seeded-random.ts'

const test = suite('similarity scores')

const set = (rows: readonly (readonly number[])[]): VectorSet => ({
  count: rows.length,
  dims: rows[0]!.length,
  vectors: Float32Array.from(rows.flat()),
})

function randomSet(count: number, dims: number, seed: number): VectorSet {
  const random = seededRandom(seed)
  return { count, dims, vectors: Float32Array.from({ length: count * dims }, () => random() - 0.5) }
}

/** `share` of noise mixed into a set. */
function blur(original: VectorSet, share: number, seed: number): VectorSet {
  const noise = randomSet(original.count, original.dims, seed)
  return { ...original, vectors: original.vectors.map((x, i) => x * (1 - share) + noise.vectors[i]! * share) }
}

const close = (a: number, b: number, tolerance = 1e-6): void =>
  assert.ok(Math.abs(a - b) < tolerance, `${a} is not ${b}`)

test('cosines and neighbours of a case worked by hand', () => {
  const vectors = set([
    [1, 0],
    [2, 0.1],
    [0, 3],
    [0, 0],
    [-1, 0],
  ])
  const cosines = cosineMatrix(vectors)
  close(cosines[0 * 5 + 0]!, 1)
  close(cosines[0 * 5 + 2]!, 0)
  close(cosines[0 * 5 + 4]!, -1)
  close(cosines[1 * 5 + 0]!, 2 / Math.hypot(2, 0.1))
  assert.is(cosines[3 * 5 + 3], 0)
  // The zero vector is equally near to all: the lowest index wins. Items 2 and 4 prefer it to worse ones or
  // not.
  assert.equal(nearestNeighbours(cosines, 5), [1, 0, 1, 0, 2])
  assert.is(
    groupAccuracy(vectors, (item) => (item < 2 ? 0 : item)),
    2 / 5,
  )
})

test('ranks are those of a sort, with ties sharing their mean', () => {
  const values = Float64Array.of(0, 3, 1, 3, 0, 3, 1, 3, 0)
  // Pairs (0,1) = 3, (0,2) = 1, (1,2) = 3.
  const ranks = rankPairs(values, 3)
  assert.equal([ranks[1], ranks[2], ranks[5]], [1.5, 0, 1.5])
  assert.equal([ranks[3], ranks[6], ranks[7]], [1.5, 0, 1.5])
})

/** Pearson's r by its definition, and Spearman's as Pearson's of ranks counted one by one. */
function plainPearson(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const [mx, my] = [mean(x), mean(y)]
  const sum = (f: (i: number) => number): number => x.reduce((total, _, i) => total + f(i), 0)
  const covariance = sum((i) => (x[i]! - mx) * (y[i]! - my))
  return covariance / Math.sqrt(sum((i) => (x[i]! - mx) ** 2) * sum((i) => (y[i]! - my) ** 2))
}

const plainRanks = (values: readonly number[]): number[] =>
  values.map(
    (value) => values.filter((x) => x < value).length + (values.filter((x) => x === value).length - 1) / 2,
  )

test('correlations are those of their definitions', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 4, max: 12 }), (seed, count) => {
      const a = randomSet(count, 3, seed)
      const b = blur(a, 0.4, seed + 1)
      const pairs = (vectors: VectorSet): number[] => {
        const cosines = cosineMatrix(vectors)
        const out: number[] = []
        for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) out.push(cosines[i * count + j]!)
        return out
      }
      const [x, y] = [pairs(a), pairs(b)]
      const scores = scoreSimilarity(a, b, { seed: 1, resamples: 10 })
      close(scores.pearson.value, plainPearson(x, y), 1e-9)
      close(scores.spearman.value, plainPearson(plainRanks(x), plainRanks(y)), 1e-9)
    }),
    { numRuns: 60, seed: 2 },
  )
})

test('a model agrees with itself, also after scaling and turning all vectors', () => {
  const original = randomSet(60, 4, 5)
  const same = scoreSimilarity(original, original, { seed: 1 })
  for (const score of [same.neighbourAgreement, same.spearman, same.pearson, same.meanCosine]) {
    close(score.value, 1)
    close(score.low, 1)
    close(score.high, 1)
  }
  const turned = original.vectors.map((x, i) => 3 * (i % 4 === 0 ? -x : x))
  const scores = scoreSimilarity(original, { ...original, vectors: turned }, { seed: 1 })
  assert.is(scores.neighbourAgreement.value, 1)
  close(scores.spearman.value, 1)
  assert.ok(scores.meanCosine.value < 0.9)
})

test('more noise scores lower, and the interval holds the value', () => {
  const original = randomSet(80, 8, 3)
  let before = 1.01
  for (const share of [0.05, 0.2, 0.45, 0.9]) {
    const { neighbourAgreement, spearman, pearson, meanCosine } = scoreSimilarity(
      original,
      blur(original, share, 9),
      { seed: 4 },
    )
    for (const score of [neighbourAgreement, spearman, pearson, meanCosine])
      assert.ok(
        score.low <= score.value && score.value <= score.high && score.low < score.high,
        JSON.stringify(score),
      )
    assert.ok(spearman.value < before)
    before = spearman.value
  }
})

test('the interval of a share is about as wide as theory has it', () => {
  // Agreement of independent items is a share: the bootstrap must be near the normal interval of a
  // proportion.
  const original = randomSet(200, 6, 12)
  const { neighbourAgreement: found } = scoreSimilarity(original, blur(original, 0.3, 13), { seed: 1 })
  const half = 1.96 * Math.sqrt((found.value * (1 - found.value)) / 200)
  close(found.high - found.low, 2 * half, half / 3)
})

test('scores are a function of vectors and seed', () => {
  const a = randomSet(30, 4, 1)
  const b = blur(a, 0.3, 2)
  assert.equal(scoreSimilarity(a, b, { seed: 7 }), scoreSimilarity(a, b, { seed: 7 }))
  assert.not.equal(scoreSimilarity(a, b, { seed: 7 }), scoreSimilarity(a, b, { seed: 8 }))
  const random = seededRandom(42)
  // Golden numbers: results that name a seed must stay reproducible.
  assert.equal(
    [random(), random(), random()].map((x) => Math.floor(x * 2 ** 32)),
    [939911724, 3948730756, 321366731],
  )
})

test('the share of group accuracy that is kept has an interval of its own', () => {
  const original = randomSet(40, 6, 3)
  // Neighbours as groups: the original has nearly all of them right.
  const nearest = nearestNeighbours(cosineMatrix(original), original.count)
  const group = (item: number) => Math.min(item, nearest[item]!)
  const same = keptGroups(original, original, group, { seed: 1 })
  assert.equal(same, { value: 1, low: 1, high: 1 })
  const candidate = blur(original, 0.5, 4)
  const kept = keptGroups(original, candidate, group, { seed: 1 })
  close(kept.value, Math.min(1, groupAccuracy(candidate, group) / groupAccuracy(original, group)))
  assert.ok(kept.low < kept.value && kept.value < kept.high, JSON.stringify(kept))
  assert.is(groupHits(original, group).length, 40)
})

test.run()
