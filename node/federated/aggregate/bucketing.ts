/**
 * Bucketing (Karimireddy, He, Jaggi 2022, arXiv 2006.09365, algorithm 1): the clients are shuffled and the means of s of them at a time go into the rule.
 * Honest clients with data of different kinds look like liars to a rule that trusts the majority; means of a few look more alike.
 * Each liar spoils at most one bucket, so that the rule has to stand the same f among n/s.
 */
import { counterRandom, streamOf } from '../../compute/training/philox.ts'
import type { UpdateSource } from './update-source.ts'

/** A permutation of 0 to n − 1 (Fisher and Yates), fixed by seed and round. The seed is the server's: clients must not know it before. */
function shuffledClients(n: number, seed: number, round: number): number[] {
  const random = counterRandom(seed, streamOf(`bucketing ${round}`))
  const order = Array.from({ length: n }, (_, client) => client)
  for (let last = n - 1; last > 0; last--) {
    const other = Math.floor((random.word(last) / 2 ** 32) * (last + 1))
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}

/** The clients of each bucket: `size` a bucket, the last may have fewer. */
export function buckets(n: number, size: number, seed: number, round: number): number[][] {
  const order = shuffledClients(n, seed, round)
  return Array.from({ length: Math.ceil(n / size) }, (_, bucket) =>
    order.slice(bucket * size, (bucket + 1) * size).sort((a, b) => a - b),
  )
}

/** The means of the buckets as updates of their own. */
export function bucketMeans(source: UpdateSource, members: readonly (readonly number[])[]): UpdateSource {
  let row = new Float32Array(0)
  let sums = new Float64Array(0)
  return {
    clients: members.length,
    coordinates: source.coordinates,
    read(bucket, start, target) {
      if (row.length !== target.length) {
        row = new Float32Array(target.length)
        sums = new Float64Array(target.length)
      }
      sums.fill(0)
      const clients = members[bucket]!
      for (const client of clients) {
        source.read(client, start, row)
        for (let at = 0; at < row.length; at++) sums[at]! += row[at]!
      }
      for (let at = 0; at < row.length; at++) target[at] = sums[at]! / clients.length
    },
  }
}
