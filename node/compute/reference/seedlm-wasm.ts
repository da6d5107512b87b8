/**
 * SeedLM's search in WebAssembly SIMD, for machines without a compiler: the operations of
 * native/seedlm_search.cc, four positions side by side, so that it finds what the others find.
 */
import type { Candidates } from './seedlm.ts'
import { keep } from './seedlm.ts'
import { POSITIONS_PADDED, searchTables } from './seedlm-tables.ts'
import {
  addF32x4,
  addI32,
  addI32x4,
  anyGreaterF32x4,
  assemble,
  type Code,
  dotPairs,
  F32,
  get,
  I32,
  i32,
  lessI32,
  load,
  load32Splat,
  mulF32x4,
  pickLargerF32x4,
  repeat,
  set,
  splatF32,
  store,
  toF32x4,
  V128,
} from './wasm-assembler.ts'

const TILE = 512
const PAGE_BYTES = 65536
/** Positions past the end that the last tile reads. */
const OVERREAD = 64

interface Layout {
  /** Weight pairs of the block. */
  readonly weights: number
  readonly dots: number
  readonly energies: number
  /** pairs[i] = entries i (low half) and i + P (high half) of the sequence. */
  readonly pairs: number
  readonly whitening: number
  readonly bytes: number
}

function layoutFor(P: number): Layout {
  const dots = 64
  const energies = dots + (TILE + 16) * 4
  const pairs = energies + TILE * 4
  const whitening = pairs + (POSITIONS_PADDED + OVERREAD) * 4
  const bytes = whitening + ((P * (P + 1)) / 2) * POSITIONS_PADDED * 4
  return { weights: 0, dots, energies, pairs, whitening, bytes }
}

/**
 * run(start, bound): energies of a tile from byte `start` of the tables on; 1 if one of them is above the
 * bound.
 */
function tileFunction(C: number, P: number, at: Layout): Uint8Array<ArrayBuffer> {
  const [start, bound, i, address, largest, y, energy, firstFree] = [0, 1, 2, 3, 4, 5, 6, 7] as const
  const weight = (c: number) => firstFree + c
  const dot = (p: number) => firstFree + C / 2 + p
  const indices = (count: number) => Array.from({ length: count }, (_, index) => index)
  const step: Code = set(i, addI32(get(i), i32(16)))

  const loadWeights = indices(C / 2).map((c) => set(weight(c), load32Splat(i32(0), at.weights + c * 4)))
  const products = indices(C / 2).map((c) =>
    dotPairs(load(get(address), at.pairs + c * 2 * P * 4), get(weight(c))),
  )
  const dotProducts = [
    set(address, addI32(get(start), get(i))),
    store(get(i), toF32x4(products.reduce(addI32x4)), at.dots),
    step,
  ]
  const rows = indices(P).map((row) => {
    const plane = (p: number) => at.whitening + ((row * (row + 1)) / 2 + p) * POSITIONS_PADDED * 4
    const terms = indices(row + 1).map((p) => mulF32x4(load(get(address), plane(p)), get(dot(p))))
    const square = mulF32x4(get(y), get(y))
    return [set(y, terms.reduce(addF32x4)), set(energy, row === 0 ? square : addF32x4(get(energy), square))]
  })
  const energies = [
    set(address, addI32(get(start), get(i))),
    indices(P).map((p) => set(dot(p), load(get(i), at.dots + p * 4))),
    rows,
    store(get(i), get(energy), at.energies),
    set(largest, pickLargerF32x4(get(largest), get(energy))),
    step,
  ]
  return assemble({
    parameters: [I32, F32],
    result: I32,
    locals: [I32, I32, ...indices(3 + C / 2 + P).map(() => V128)],
    body: [
      loadWeights,
      repeat(dotProducts, lessI32(get(i), i32((TILE + 16) * 4))),
      set(i, i32(0)),
      repeat(energies, lessI32(get(i), i32(TILE * 4))),
      anyGreaterF32x4(get(largest), splatF32(get(bound))),
    ],
  })
}

interface Instance {
  readonly run: (start: number, bound: number) => number
  readonly weights: Int16Array
  readonly energies: Float32Array
}

const instances = new Map<number, Instance>()

function instanceFor(C: number, P: number): Instance {
  const cached = instances.get(C)
  if (cached !== undefined) return cached
  const layout = layoutFor(P)
  const memory = new WebAssembly.Memory({ initial: Math.ceil(layout.bytes / PAGE_BYTES) })
  const { integers, whitening } = searchTables(C, P)
  const pairs = new Int16Array(memory.buffer, layout.pairs, (POSITIONS_PADDED + OVERREAD) * 2)
  for (let position = 0; position < POSITIONS_PADDED + OVERREAD; position++) {
    pairs[position * 2] = integers[position % integers.length]!
    pairs[position * 2 + 1] = integers[(position + P) % integers.length]!
  }
  new Float32Array(memory.buffer, layout.whitening, whitening.length).set(whitening)
  const module = new WebAssembly.Module(tileFunction(C, P, layout))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const instance: Instance = {
    run: exports.run as Instance['run'],
    weights: new Int16Array(memory.buffer, layout.weights, C),
    energies: new Float32Array(memory.buffer, layout.energies, TILE),
  }
  instances.set(C, instance)
  return instance
}

/** The search of seedlm.ts, same candidates. */
export function searchWasm(integers: Int32Array, C: number, P: number, best: Candidates): void {
  const { run, weights, energies } = instanceFor(C, P)
  weights.set(integers)
  best.energies.fill(0)
  best.positions.fill(0)
  let bound = 0
  for (let start = 0; start < POSITIONS_PADDED; start += TILE) {
    if (run(start * 4, bound) === 0) continue
    for (let i = 0; i < TILE; i++) if (energies[i]! > bound) bound = keep(best, energies[i]!, start + i)
  }
}
