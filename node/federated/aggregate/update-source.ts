/**
 * The updates of a round as the aggregation rules read them: by client and range of coordinates, so that a rule holds a few thousand
 * coordinates of every client at a time and never all updates. Where they lie (memory, files) is the caller's business; reading is
 * synchronous, for rules run in worker threads.
 */
import { VillageError } from '../../errors.ts'

export interface UpdateSource {
  readonly clients: number
  /** Coordinates of one update: the parameters of the model, flattened in a fixed order. */
  readonly coordinates: number
  /** Fills `target` with the coordinates `start` to `start + target.length` of an update. */
  read(client: number, start: number, target: Float32Array): void
}

/** Updates in memory, one array a client. */
export function arrayUpdates(updates: readonly Float32Array[]): UpdateSource {
  const coordinates = updates[0]?.length ?? 0
  const odd = updates.findIndex((update) => update.length !== coordinates)
  if (odd >= 0)
    throw new VillageError(
      'UPDATE_INVALID',
      `Update ${odd} has ${updates[odd]!.length} coordinates, not ${coordinates}`,
      { fields: { client: odd } },
    )
  return {
    clients: updates.length,
    coordinates,
    read: (client, start, target) => target.set(updates[client]!.subarray(start, start + target.length)),
  }
}

/** The same updates without some clients: client i of the result is client `kept[i]` of `source`. */
export function keepClients(source: UpdateSource, kept: readonly number[]): UpdateSource {
  return {
    clients: kept.length,
    coordinates: source.coordinates,
    read: (client, start, target) => source.read(kept[client]!, start, target),
  }
}

/** Floats of all clients together that a rule holds at once: 4 MiB. */
const CHUNK_FLOATS = 2 ** 20
const MIN_CHUNK = 256
const MAX_CHUNK = 65_536

/** A range of coordinates: row i is that of client i, and only its first `length` values count. */
export interface Chunk {
  readonly start: number
  readonly length: number
  readonly rows: readonly Float32Array[]
}

/** Walks over all coordinates in ascending ranges. The rows are overwritten by the next range. */
export function* chunks(source: UpdateSource): Iterable<Chunk> {
  const { clients, coordinates } = source
  const size = Math.min(
    Math.max(1, coordinates),
    MAX_CHUNK,
    Math.max(MIN_CHUNK, Math.floor(CHUNK_FLOATS / Math.max(1, clients))),
  )
  const whole = Array.from({ length: clients }, () => new Float32Array(size))
  for (let start = 0; start < coordinates; start += size) {
    const length = Math.min(size, coordinates - start)
    const rows = length === size ? whole : whole.map((row) => row.subarray(0, length))
    for (let client = 0; client < clients; client++) source.read(client, start, rows[client]!)
    yield { start, length, rows }
  }
}

export interface RefusedUpdate {
  readonly client: number
  /** A value is NaN or infinite, or the Euclidean norm is above what is allowed. */
  readonly reason: 'not-finite' | 'too-large'
  /** The first coordinate that is not finite; null for `too-large`. */
  readonly coordinate: number | null
}

export interface Screening {
  /** Clients whose updates can be used, ascending. */
  readonly kept: readonly number[]
  readonly refused: readonly RefusedUpdate[]
  /** Euclidean norm by client, of all clients; NaN where it is not finite. */
  readonly norms: Float64Array
}

/**
 * Looks at every update before any rule does: one NaN would spoil a mean, and a sort that meets one is not a sort. `maxNorm` refuses
 * what no honest training gives; null: no bound. Sums are in float64, in which no sum of squares of float32 values overflows.
 */
export function screenUpdates(source: UpdateSource, maxNorm: number | null): Screening {
  const squares = new Float64Array(source.clients)
  const firstBad = new Map<number, number>()
  for (const { start, rows, length } of chunks(source))
    for (const [client, row] of rows.entries()) {
      let sum = 0
      for (let at = 0; at < length; at++) sum += row[at]! * row[at]!
      squares[client]! += sum
      if (!Number.isFinite(sum) && !firstBad.has(client))
        firstBad.set(client, start + row.findIndex((value) => !Number.isFinite(value)))
    }
  const kept: number[] = []
  const refused: RefusedUpdate[] = []
  const norms = squares.map((square) => Math.sqrt(square))
  for (let client = 0; client < source.clients; client++) {
    const coordinate = firstBad.get(client)
    if (coordinate !== undefined) {
      norms[client] = Number.NaN
      refused.push({ client, reason: 'not-finite', coordinate })
    } else if (maxNorm !== null && norms[client]! > maxNorm)
      refused.push({ client, reason: 'too-large', coordinate: null })
    else kept.push(client)
  }
  return { kept, refused, norms }
}
