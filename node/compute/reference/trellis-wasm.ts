/**
 * The step of the trellis search in WebAssembly SIMD, for machines without a compiler: the operations of
 * plainCosts, four histories side by side.
 */
import { STATES, type TrellisBits, trellisValues } from './trellis.ts'
import { type TrellisCosts, WINDOW } from './trellis-search.ts'
import {
  addF32x4,
  addI32,
  andI32,
  assemble,
  type Code,
  F32,
  get,
  I32,
  i32,
  lesserF32x4,
  lessI32,
  load,
  loadSplat32,
  mulF32x4,
  repeat,
  set,
  shiftRightI32,
  splatF32,
  store,
  subtractF32x4,
  V128,
} from './wasm-assembler.ts'

const PAGE_BYTES = 65536
/** The values are at 0, the costs after them. */
const COSTS = STATES * 4
/** Vectors of four histories that are kept at once; together a multiple of the 2^4 states of one history. */
const VECTORS = 4

/**
 * run(target, weight, before, after): fills the costs at `after` from those at `before`, both in bytes from
 * COSTS.
 */
function stepFunction(bits: TrellisBits): Uint8Array<ArrayBuffer> {
  const historyBytes = COSTS >>> bits
  const [target, weight, before, after, history, state, from] = [0, 1, 2, 3, 4, 5, 6] as const
  const [targets, weights, error] = [7, 8, 9] as const
  const vectors = Array.from({ length: VECTORS }, (_, index) => index)
  const least = (vector: number) => 10 + vector
  const raise = (local: number, bytes: number): Code => set(local, addI32(get(local), i32(bytes)))
  const choices = repeat(
    [
      set(from, addI32(get(before), andI32(shiftRightI32(get(state), i32(bits)), i32(-4)))),
      vectors.map((vector) => [
        set(error, subtractF32x4(get(targets), load(get(state), vector * 16))),
        set(
          least(vector),
          lesserF32x4(
            get(least(vector)),
            addF32x4(
              mulF32x4(get(error), mulF32x4(get(error), get(weights))),
              // Four states side by side come after one history.
              loadSplat32(get(from), COSTS + ((vector * 4) >> bits) * 4),
            ),
          ),
        ),
      ]),
      raise(state, historyBytes),
    ],
    lessI32(get(state), i32(COSTS)),
  )
  const infinity: Code = [0x43, 0, 0, 0x80, 0x7f]
  return assemble({
    parameters: [F32, F32, I32, I32],
    result: I32,
    locals: [I32, I32, I32, V128, V128, V128, ...vectors.map(() => V128)],
    body: [
      set(targets, splatF32(get(target))),
      set(weights, splatF32(get(weight))),
      repeat(
        [
          set(state, get(history)),
          vectors.map((vector) => set(least(vector), splatF32(infinity))),
          choices,
          vectors.map((vector) => store(get(after), get(least(vector)), COSTS + vector * 16)),
          raise(after, VECTORS * 16),
          raise(history, VECTORS * 16),
        ],
        lessI32(get(history), i32(historyBytes)),
      ),
      get(history),
    ],
  })
}

const instances = new Map<TrellisBits, TrellisCosts>()

/** One for all searches of a thread: they follow each other. */
export function wasmCosts(bits: TrellisBits): TrellisCosts {
  const known = instances.get(bits)
  if (known !== undefined) return known
  const historyBytes = COSTS >>> bits
  const costBytes = (WINDOW + 1) * historyBytes
  const memory = new WebAssembly.Memory({ initial: Math.ceil((COSTS + costBytes) / PAGE_BYTES) })
  new Float32Array(memory.buffer, 0, STATES).set(trellisValues(bits))
  const module = new WebAssembly.Module(stepFunction(bits))
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const run = exports.run as (target: number, weight: number, before: number, after: number) => number
  const costs: TrellisCosts = {
    costs: new Float32Array(memory.buffer, COSTS, costBytes / 4),
    extend(target, weight, length) {
      run(target, weight, length * historyBytes, (length + 1) * historyBytes)
    },
  }
  instances.set(bits, costs)
  return costs
}
