/**
 * Digests by which two peers find out where their sets of hashes differ, without sending the sets: the hashes fall into 64 buckets by their
 * first six bits, and each bucket has one digest. Of n hashes that differ in k places, about k · n / 64 have to be named.
 */
import { createHash } from 'node:crypto'

export const BUCKETS = 64
export const BUCKET_DIGEST_BYTES = 16

/** Of a hash in hexadecimal: its first six bits. */
export const bucketOf = (hash: string) => Number.parseInt(hash.slice(0, 2), 16) >> 2

/** The first 16 bytes of the SHA-256 over the hashes in ascending order. */
export function bucketDigest(hashes: Iterable<string>): Uint8Array {
  const hash = createHash('sha256')
  for (const item of [...hashes].sort()) hash.update(item, 'hex')
  return hash.digest().subarray(0, BUCKET_DIGEST_BYTES)
}

/** The items by bucket; `hashIn` says by which hash of it an item goes. */
export function intoBuckets(
  items: Iterable<string>,
  hashIn: (item: string) => string = (item) => item,
): string[][] {
  const buckets: string[][] = Array.from({ length: BUCKETS }, () => [])
  for (const item of items) buckets[bucketOf(hashIn(item))]!.push(item)
  return buckets
}

/** The buckets in which two sets differ; one that the other side did not name differs. */
export const differingBuckets = (ours: readonly Uint8Array[], theirs: readonly Uint8Array[]): number[] =>
  ours.flatMap((digest, bucket) =>
    Buffer.compare(digest, theirs[bucket] ?? new Uint8Array(0)) === 0 ? [] : bucket,
  )
