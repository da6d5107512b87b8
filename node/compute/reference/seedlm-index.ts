/**
 * The inverted file of seedlm's search, the twin of native/seedlm_index.cc: CELLS pseudo-random directions
 * stand for the sphere, and the list of each holds the seeds whose column space keeps at least a share of
 * that direction's squared length. A block tries the seeds in the list of the direction that it is nearest
 * to.
 */
import { POSITIONS, toUnit, UNIT } from './seedlm-tables.ts'

const CELLS = 8192
/** The first of the directions lead to those near them. */
const COARSE = 128
/** The list of a direction: seeds that keep this share of it. */
const LIST_SHARE = { 8: 0.85, 12: 0.71 } as const
/** Near a coarse direction are those whose squared cosine to it is at least this. */
const NEAR_SHARE = { 8: 0.36, 12: 0.28 } as const
/** Lists are as long as a multiple of this: entry i competes in slot i mod SLOTS. */
export const SLOTS = 32

/** How a block (C integers of at most UNIT) compares positions, in TypeScript or WebAssembly. */
export interface Scan {
  /** Positions whose key has at least `least` in its high half, ascending. */
  keep(probe: Int8Array, C: 8 | 12, least: number): number[]
  /** The largest key of each slot; a view that the next call overwrites. */
  winners(probe: Int8Array, C: 8 | 12, positions: Uint16Array): Uint32Array
}

interface Directions {
  /** C integers a direction. */
  readonly vectors: Int8Array
  /** By coarse direction, the numbers of those near it, ascending, and the directions themselves. */
  readonly near: readonly { readonly numbers: Uint16Array; readonly vectors: Int8Array }[]
  readonly lists: (Uint16Array | undefined)[]
}

const cachedDirections = new Map<number, Directions>()

function directions(C: 8 | 12): Directions {
  const cached = cachedDirections.get(C)
  if (cached !== undefined) return cached
  const vectors = makeVectors(C)
  const least = Math.floor(UNIT * UNIT * Math.sqrt(NEAR_SHARE[C]))
  const near = Array.from({ length: COARSE }, (_, coarse) => {
    const direction = vectors.subarray(coarse * C, coarse * C + C)
    const members: number[] = []
    for (let i = 0; i < CELLS; i++) if (Math.abs(dot(vectors, i * C, direction)) >= least) members.push(i)
    const numbers = Uint16Array.from(members)
    const nearVectors = new Int8Array(members.length * C)
    for (const [i, member] of members.entries())
      nearVectors.set(vectors.subarray(member * C, member * C + C), i * C)
    return { numbers, vectors: nearVectors }
  })
  const made = { vectors, near, lists: new Array<Uint16Array | undefined>(CELLS).fill(undefined) }
  cachedDirections.set(C, made)
  return made
}

/** Sums of four bytes of a linear congruential generator, brought to length UNIT. */
function makeVectors(C: number): Int8Array {
  const vectors = new Int8Array(CELLS * C)
  const direction = new Float64Array(C)
  let state = C
  for (let i = 0; i < CELLS; i++) {
    let squared = 0
    for (let c = 0; c < C; c++) {
      let sum = -510
      for (let k = 0; k < 4; k++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        sum += state >>> 24
      }
      direction[c] = sum
      squared += sum * sum
    }
    const length = Math.sqrt(squared)
    for (let c = 0; c < C; c++) vectors[i * C + c] = toUnit(direction[c]! / length)
  }
  return vectors
}

function dot(vectors: Int8Array, at: number, other: Int8Array): number {
  let sum = 0
  for (let c = 0; c < other.length; c++) sum += vectors[at + c]! * other[c]!
  return sum
}

/** Which of the first `count` vectors is nearest to a probe, up to sign; the first among equals. */
function nearest(vectors: Int8Array, count: number, probe: Int8Array, C: number): number {
  let found = 0
  let largest = -1
  let at = 0
  for (let i = 0; i < count; i++) {
    let sum = 0
    for (let c = 0; c < C; c++) sum += vectors[at++]! * probe[c]!
    if (sum < 0) sum = -sum
    if (sum > largest) {
      largest = sum
      found = i
    }
  }
  return found
}

/** The cell of a probe that is not all zero. */
export function cellOf(probe: Int8Array, C: 8 | 12): number {
  const { vectors, near } = directions(C)
  const { numbers, vectors: nearVectors } = near[nearest(vectors, COARSE, probe, C)]!
  return numbers[nearest(nearVectors, numbers.length, probe, C)]!
}

/** The positions in the list of a cell, made at first use. */
export function cellList(cell: number, C: 8 | 12, scan: Scan): Uint16Array {
  const { vectors, lists } = directions(C)
  const cached = lists[cell]
  if (cached !== undefined) return cached
  const direction = vectors.slice(cell * C, cell * C + C)
  const squared = dot(direction, 0, direction)
  const least = Math.floor(squared * (UNIT * UNIT) * LIST_SHARE[C])
  const kept = scan.keep(direction, C, least >>> 16)
  while (kept.length === 0 || kept.length % SLOTS !== 0) kept.push(POSITIONS)
  const list = Uint16Array.from(kept)
  lists[cell] = list
  return list
}

let everyPosition: Uint16Array | undefined

/** For the search of every seed. */
export function everyList(): Uint16Array {
  everyPosition ??= Uint16Array.from({ length: POSITIONS + 1 }, (_, position) => position)
  return everyPosition
}
