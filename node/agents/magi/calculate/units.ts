/**
 * Units of the calculator: bytes and bits, time, and what is made of them (MB/s). A quantity is a number in bytes and seconds
 * with the power of each: 4 GB is 4e9 with bytes 1; 50 MB/s is 5e7 with bytes 1 and seconds -1.
 * Prefixes: kB, MB, … are powers of 1,000 (SI brochure); KiB, MiB, … of 1,024 (IEC 80000-13).
 */
import type { Numeric } from './number.ts'

export interface Dimensions {
  readonly bytes: number
  readonly seconds: number
}

export interface Quantity {
  readonly number: Numeric
  readonly dimensions: Dimensions
  /** Written as a percentage: `200 + 10%` adds a tenth of what stands before it. */
  readonly isPercent?: boolean
}

export interface Unit {
  /** As it is shown. */
  readonly name: string
  readonly top: bigint
  readonly bottom: bigint
  readonly dimensions: Dimensions
}

export const PLAIN: Dimensions = { bytes: 0, seconds: 0 }
const BYTES: Dimensions = { bytes: 1, seconds: 0 }
const SECONDS: Dimensions = { bytes: 0, seconds: 1 }

const DECIMAL_PREFIXES = ['k', 'M', 'G', 'T', 'P', 'E'] as const
const BINARY_PREFIXES = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const

const UNITS = new Map<string, Unit>()

function unit(names: readonly string[], top: bigint, bottom: bigint, dimensions: Dimensions): void {
  for (const name of names) UNITS.set(name, { name: names[0]!, top, bottom, dimensions })
}

unit(['B', 'byte', 'bytes'], 1n, 1n, BYTES)
unit(['bit', 'bits'], 1n, 8n, BYTES)
DECIMAL_PREFIXES.forEach((prefix, index) => {
  const size = 1000n ** BigInt(index + 1)
  unit([`${prefix}B`], size, 1n, BYTES)
  unit([`${prefix}bit`, `${prefix}bits`], size, 8n, BYTES)
})
BINARY_PREFIXES.forEach((prefix, index) => {
  const size = 1024n ** BigInt(index + 1)
  unit([`${prefix}B`], size, 1n, BYTES)
  unit([`${prefix}bit`, `${prefix}bits`], size, 8n, BYTES)
})
unit(['KB'], 1000n, 1n, BYTES)
unit(['ns', 'nanosecond', 'nanoseconds'], 1n, 1_000_000_000n, SECONDS)
unit(['µs', 'us', 'microsecond', 'microseconds'], 1n, 1_000_000n, SECONDS)
unit(['ms', 'millisecond', 'milliseconds'], 1n, 1000n, SECONDS)
unit(['s', 'sec', 'second', 'seconds'], 1n, 1n, SECONDS)
unit(['min', 'minute', 'minutes'], 60n, 1n, SECONDS)
unit(['h', 'hour', 'hours'], 3600n, 1n, SECONDS)
unit(['d', 'day', 'days'], 86_400n, 1n, SECONDS)
unit(['week', 'weeks'], 604_800n, 1n, SECONDS)

/** By its name; what is not found as written is looked for in small letters where it is a word of four letters or more. */
export function findUnit(name: string): Unit | null {
  return UNITS.get(name) ?? (name.length >= 4 ? (UNITS.get(name.toLowerCase()) ?? null) : null)
}

export const unitNames = (): string[] => [...UNITS.keys()]

export const isPlain = ({ bytes, seconds }: Dimensions): boolean => bytes === 0 && seconds === 0
export const sameDimensions = (a: Dimensions, b: Dimensions): boolean =>
  a.bytes === b.bytes && a.seconds === b.seconds

/** How a quantity is written where nobody asked for a unit: in bytes and seconds. */
export function nameOf({ bytes, seconds }: Dimensions): string {
  const part = (name: string, times: number) => (times === 1 ? name : `${name}^${times}`)
  const above = [...(bytes > 0 ? [part('B', bytes)] : []), ...(seconds > 0 ? [part('s', seconds)] : [])].join(
    '·',
  )
  const below = [
    ...(bytes < 0 ? [part('B', -bytes)] : []),
    ...(seconds < 0 ? [part('s', -seconds)] : []),
  ].join('·')
  return below === '' ? above : `${above === '' ? '1' : above}/${below}`
}
