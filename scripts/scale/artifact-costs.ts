/** A fetch from several members at once: the real schedule and frames; and the look-up of who has it, over Kademlia tables. */
import { createHash } from 'node:crypto'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { createSchedule } from '../../node/mesh/artifacts/schedule.ts'
import {
  CHUNK_BYTES,
  Chunk,
  MAX_REQUEST_LEAVES,
  Request,
  RequestKind,
} from '../../node/mesh/protocols/artifacts.ts'
import type { CostCase, CostRow } from './cost.ts'
import { countFrame, createTally } from './virtual-streams.ts'

const MIB = 2 ** 20
const LEAVES = 64
const MAX_PROVIDERS = 6
const REQUEST_BYTES = 4 * MIB
const CHUNK = new Uint8Array(CHUNK_BYTES)
const NOTHING = new Uint8Array(0)
const ASKED = { kind: RequestKind.leaves, root: NOTHING, digests: [], trace: NOTHING }
/** Buckets of kad-dht: so many peers each, and so many asked at once. */
const BUCKET = 20
const ALPHA = 3

/** Providers that deliver at different speeds; returns bytes beside the content, and leaves that were sent twice. */
function fetchAll(providers: number) {
  const sizesBytes = Array.from({ length: LEAVES }, () => MIB)
  const schedule = createSchedule({ sizesBytes, present: () => false })
  const have = { has: () => true }
  const tally = createTally()
  const random = seededRandom(providers)
  const running: { provider: number; start: number; count: number; endsAt: number }[] = []
  const speeds = Array.from({ length: providers }, () => 1 + random() * 3)
  let twice = 0

  /** Gives work to all that have none. */
  function assign(now: number): void {
    for (const [provider, speed] of speeds.entries()) {
      if (running.some((one) => one.provider === provider)) continue
      const limits = { maxBytes: REQUEST_BYTES, maxLeaves: MAX_REQUEST_LEAVES }
      const range = schedule.assign(`${provider}`, have, limits)
      if (range === null) continue
      const { start, count } = range
      countFrame(tally, Request.encode({ ...ASKED, start, count }))
      running.push({ provider, start, count, endsAt: now + count / speed })
    }
  }

  for (assign(0); running.length > 0; ) {
    running.sort((one, other) => one.endsAt - other.endsAt)
    const { start, count, endsAt } = running.shift()!
    for (let index = start; index < start + count; index++) {
      for (let at = 0; at < MIB; at += CHUNK_BYTES)
        countFrame(tally, Chunk.encode({ index, sizeBytes: MIB, data: CHUNK, missing: false }))
      if (!schedule.done(index)) twice += 1
    }
    assign(endsAt)
  }
  return { overhead: tally.bytes - LEAVES * MIB - twice * MIB, twice }
}

const idOf = (index: number) => createHash('sha256').update(`node ${index}`).digest()

function distance(a: Buffer, b: Buffer): number {
  // The first 52 bits tell thousands of nodes apart.
  return (a.readUInt32BE(0) ^ b.readUInt32BE(0)) * 2 ** 20 + ((a.readUInt32BE(4) ^ b.readUInt32BE(4)) >>> 12)
}

const nearest = (ids: readonly Buffer[], key: Buffer, among: Iterable<number>, count: number): number[] =>
  [...among]
    .map((node) => ({
      node,
      far: (ids[node]!.readUInt32BE(0) ^ key.readUInt32BE(0)) >>> 0,
      exact: distance(ids[node]!, key),
    }))
    .sort((a, b) => a.far - b.far || a.exact - b.exact)
    .slice(0, count)
    .map(({ node }) => node)

/** By node the peers that its table has: at most BUCKET of each length of common prefix. */
function tables(ids: readonly Buffer[]): number[][] {
  const random = seededRandom(ids.length)
  return ids.map((own, self) => {
    const buckets = new Map<number, number[]>()
    for (const other of shuffled(ids.length, random)) {
      if (other === self) continue
      const prefix = Math.clz32((own.readUInt32BE(0) ^ ids[other]!.readUInt32BE(0)) >>> 0)
      const bucket = buckets.get(prefix)
      if (bucket === undefined) buckets.set(prefix, [other])
      else if (bucket.length < BUCKET) bucket.push(other)
    }
    return [...buckets.values()].flat()
  })
}

function shuffled(count: number, random: () => number): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order
}

/** Peers asked until the nearest BUCKET have been found, and steps of ALPHA at once. */
function lookUp(ids: readonly Buffer[], known: readonly number[][], from: number, key: Buffer) {
  const asked = new Set<number>()
  const found = new Set(known[from])
  let steps = 0
  for (;;) {
    const closest = nearest(ids, key, found, BUCKET)
    const next = closest.filter((node) => !asked.has(node)).slice(0, ALPHA)
    if (next.length === 0) return { asked: asked.size, steps }
    steps += 1
    for (const node of next) {
      asked.add(node)
      for (const other of nearest(ids, key, known[node]!, BUCKET)) if (other !== from) found.add(other)
    }
  }
}

export const artifactCosts: CostCase = {
  name: 'artifacts',
  run(peers): CostRow[] {
    const providers = Math.min(MAX_PROVIDERS, peers)
    const { overhead, twice } = fetchAll(providers)
    const ids = Array.from({ length: peers }, (_, index) => idOf(index))
    const known = tables(ids)
    const looks = Array.from({ length: 20 }, (_, index) =>
      lookUp(ids, known, (index * 7) % peers, createHash('sha256').update(`key ${index}`).digest()),
    )
    const mean = looks.reduce((sum, { asked }) => sum + asked, 0) / looks.length
    return [
      {
        cost: 'frames around a fetched artifact of 64 MiB',
        peers,
        unit: 'bytes',
        measured: overhead,
        formula: LEAVES * 4 * 16 + (LEAVES / 4) * 10,
        tolerance: 0.25,
      },
      {
        cost: 'leaves that are sent, of 64',
        peers,
        unit: 'leaves',
        measured: LEAVES + twice,
        // At the end the slow are raced, for one leaf at a time.
        formula: LEAVES + 2 * providers,
        tolerance: 0.1,
      },
      {
        cost: 'peers asked by a look-up',
        peers,
        unit: 'peers',
        measured: mean,
        // The nearest twenty are asked in any case, and few on the way to them.
        formula: Math.min(peers - 1, BUCKET + Math.max(0, Math.log2(peers / BUCKET)) / 2),
        tolerance: 0.1,
      },
      {
        cost: 'peers that a routing table has',
        peers,
        unit: 'peers',
        measured: known.reduce((sum, { length }) => sum + length, 0) / peers,
        formula: peers <= BUCKET ? peers - 1 : BUCKET * (Math.log2(peers / BUCKET) + 1),
        tolerance: 0.25,
      },
    ]
  },
}
