/**
 * Seedlm's comparison of positions in WebAssembly SIMD, for machines without a compiler: the integers of
 * native/seedlm_keys.h, four positions side by side.
 */
import { type Scan, SLOTS } from './seedlm-index.ts'
import { POSITIONS_PADDED, recordBytes, records } from './seedlm-tables.ts'
import {
  addI32,
  addI32x4,
  andI32,
  andI32x4,
  assemble,
  type Code,
  dotPairs,
  get,
  I32,
  i32,
  larger32x4,
  lessI32,
  load,
  load8x8,
  load16Unsigned,
  load16x4,
  mulI32x4,
  orI32x4,
  repeat,
  set,
  shiftLeftI32,
  shuffle32x4,
  splatI32,
  store,
  V128,
} from './wasm-assembler.ts'

const PAGE_BYTES = 65536

/** Where things are in the memory of an instance. */
const WEIGHTS = 0
const POSITIONS_AT = 64
const KEYS = POSITIONS_AT + POSITIONS_PADDED * 2
const RECORDS = KEYS + POSITIONS_PADDED * 4

/**
 * run(count, mask): raises the key at place i & mask (in fours) to that of entry i of the positions, for all
 * i < count.
 */
function scanFunction(C: number, P: number): Uint8Array<ArrayBuffer> {
  const [count, mask, i, place, firstFree] = [0, 1, 2, 3, 4] as const
  const address = (lane: number) => firstFree + lane
  const [energy, dot, firstWeights] = [firstFree + 4, firstFree + 5, firstFree + 6]
  const indices = (length: number) => Array.from({ length }, (_, index) => index)
  const parts = C === 8 ? [0] : [0, 1]
  const shift = Math.log2(recordBytes(C))

  /** The partial sums of a row of one of four positions. */
  const products = (row: number, lane: number): Code =>
    parts
      .map((part) =>
        dotPairs(load8x8(get(address(lane)), RECORDS + part * 32 + row * 8), get(firstWeights + part)),
      )
      .reduce(addI32x4)
  // Two rounds of adding halves turn four vectors of partial sums into one of sums.
  const addHalves = (a: Code, b: Code, low: readonly number[], high: readonly number[]): Code =>
    addI32x4(shuffle32x4(a, b, low), shuffle32x4(a, b, high))
  const [scratchA, scratchB] = [firstWeights + 2, firstWeights + 3]
  const pair = (row: number, lane: number): Code => [
    set(scratchA, products(row, lane)),
    set(scratchB, products(row, lane + 1)),
    addHalves(get(scratchA), get(scratchB), [0, 4, 1, 5], [2, 6, 3, 7]),
  ]
  const [first, second] = [firstWeights + 4, firstWeights + 5]
  const squares = indices(P).map((row) => [
    set(first, pair(row, 0)),
    set(second, pair(row, 2)),
    set(dot, addHalves(get(first), get(second), [0, 1, 4, 5], [2, 3, 6, 7])),
    row === 0
      ? set(energy, mulI32x4(get(dot), get(dot)))
      : set(energy, addI32x4(get(energy), mulI32x4(get(dot), get(dot)))),
  ])
  const at = (scale: number): Code => shiftLeftI32(get(i), i32(scale))
  const body = [
    indices(4).map((lane) =>
      set(address(lane), shiftLeftI32(load16Unsigned(at(1), POSITIONS_AT + lane * 2), i32(shift))),
    ),
    squares,
    set(place, shiftLeftI32(andI32(get(i), get(mask)), i32(2))),
    store(
      get(place),
      larger32x4(
        load(get(place), KEYS),
        orI32x4(andI32x4(get(energy), splatI32(i32(-65536))), load16x4(at(1), POSITIONS_AT)),
      ),
      KEYS,
    ),
    set(i, addI32(get(i), i32(4))),
  ]
  return assemble({
    parameters: [I32, I32],
    result: I32,
    locals: [I32, I32, ...indices(4).map(() => I32), ...indices(8).map(() => V128)],
    body: [
      parts.map((part) => set(firstWeights + part, load(i32(0), WEIGHTS + part * 16))),
      repeat(body, lessI32(get(i), get(count))),
      get(i),
    ],
  })
}

interface Instance {
  readonly run: (count: number, mask: number) => number
  readonly weights: Int16Array
  readonly positions: Uint16Array
  readonly keys: Uint32Array
}

const instances = new Map<number, Instance>()

function instanceFor(C: 8 | 12): Instance {
  const cached = instances.get(C)
  if (cached !== undefined) return cached
  const P = C === 8 ? 3 : 4
  const table = records(C, P)
  const pages = Math.ceil((RECORDS + table.length + 64) / PAGE_BYTES)
  const memory = new WebAssembly.Memory({ initial: pages })
  new Int8Array(memory.buffer, RECORDS, table.length).set(table)
  const module = new WebAssembly.Module(scanFunction(C, P))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const instance: Instance = {
    run: exports.run as Instance['run'],
    weights: new Int16Array(memory.buffer, WEIGHTS, 16),
    positions: new Uint16Array(memory.buffer, POSITIONS_AT, POSITIONS_PADDED),
    keys: new Uint32Array(memory.buffer, KEYS, POSITIONS_PADDED),
  }
  instances.set(C, instance)
  return instance
}

export const wasmScan: Scan = {
  keep(probe, C, least) {
    const { run, weights, positions, keys } = instanceFor(C)
    weights.set(probe)
    for (let position = 0; position < POSITIONS_PADDED; position++) positions[position] = position
    keys.fill(0)
    run(POSITIONS_PADDED, POSITIONS_PADDED - 1)
    const kept: number[] = []
    for (let position = 0; position < POSITIONS_PADDED; position++)
      if (keys[position]! >>> 16 >= least) kept.push(position)
    return kept
  },
  winners(probe, C, list) {
    const { run, weights, positions, keys } = instanceFor(C)
    weights.set(probe)
    positions.set(list)
    keys.fill(0, 0, SLOTS)
    run(list.length, SLOTS - 1)
    return keys.subarray(0, SLOTS)
  },
}
