/**
 * Codes 4 to 12 (8 is zero) as two planes of trits: code − 8 = 3·t₁ + t₂ is balanced ternary, so each value has
 * one pair. A row: its scales as they are, then t₁, then t₂, five a byte in base 3, the first as the lowest
 * digit, digits 0, 1, 2 for −1, 0, 1; digits behind the end of a row are 1.
 */
const PER_BYTE = 5
/** The largest byte that holds five digits of base 3. */
const LARGEST = 3 ** PER_BYTE - 1
/** 3·d₁ + d₂ + 4 is the code of the digits d₁ and d₂. */
const OFFSET = 0x44444
const ZERO_CODE = 8

/** The digits of each byte, four bits apart. */
const DIGITS = Uint32Array.from({ length: LARGEST + 1 }, (_, byte) => {
  let digits = 0
  for (let i = 0, rest = byte; i < PER_BYTE; i++, rest = Math.floor(rest / 3)) digits |= (rest % 3) << (4 * i)
  return digits
})

/** Of a row: bytes of its scales, and its columns. */
export interface PlanesRow {
  readonly scaleBytes: number
  readonly cols: number
}

export function planesRowBytes({ scaleBytes, cols }: PlanesRow): number {
  return scaleBytes + 2 * Math.ceil(cols / PER_BYTE)
}

function nibblesRowBytes({ scaleBytes, cols }: PlanesRow): number {
  return scaleBytes + Math.ceil(cols / 2)
}

/** Rows of block-wise 4-bit codes, all from 4 to 12, as planes. */
export function splitPlanes(nibbles: Uint8Array, rows: number, row: PlanesRow): Uint8Array {
  const { scaleBytes, cols } = row
  const from = nibblesRowBytes(row)
  const to = planesRowBytes(row)
  const bytes = Math.ceil(cols / PER_BYTE)
  const planes = new Uint8Array(rows * to)
  for (let r = 0; r < rows; r++) {
    planes.set(nibbles.subarray(r * from, r * from + scaleBytes), r * to)
    const codesAt = r * from + scaleBytes
    const high = r * to + scaleBytes
    for (let byte = 0; byte < bytes; byte++) {
      let first = 0
      let second = 0
      for (let col = byte * PER_BYTE + PER_BYTE - 1; col >= byte * PER_BYTE; col--) {
        const code = col < cols ? (nibbles[codesAt + (col >>> 1)]! >>> ((col & 1) * 4)) & 15 : ZERO_CODE
        const digit = Math.floor((code - 4) / 3)
        first = first * 3 + digit
        second = second * 3 + (code - 4 - 3 * digit)
      }
      planes[high + byte] = first
      planes[high + bytes + byte] = second
    }
  }
  return planes
}

/** The rows of codes that planes stand for; null where a byte is no five trits or a missing trit is not zero. */
export function mergePlanes(planes: Uint8Array, rows: number, row: PlanesRow): Uint8Array | null {
  const { scaleBytes, cols } = row
  const from = planesRowBytes(row)
  const to = nibblesRowBytes(row)
  const bytes = Math.ceil(cols / PER_BYTE)
  const nibbles = new Uint8Array(rows * to)
  for (let r = 0; r < rows; r++) {
    nibbles.set(planes.subarray(r * from, r * from + scaleBytes), r * to)
    const high = r * from + scaleBytes
    let at = r * to + scaleBytes
    let half = -1
    for (let byte = high; byte < high + bytes; byte++) {
      const first = planes[byte]!
      const second = planes[byte + bytes]!
      if (first > LARGEST || second > LARGEST) return null
      // Twenty bits. What runs past the row is written again by the next one.
      const codes = 3 * DIGITS[first]! + DIGITS[second]! + OFFSET
      const shifted = half < 0 ? codes : (codes << 4) | half
      nibbles[at] = shifted
      nibbles[at + 1] = shifted >>> 8
      at += 2
      if (half < 0) half = codes >>> 16
      else {
        nibbles[at++] = shifted >>> 16
        half = -1
      }
    }
    if (half >= 0 && at < (r + 1) * to) nibbles[at] = half
    if (!isPadded(planes[high + bytes - 1]!, cols) || !isPadded(planes[high + 2 * bytes - 1]!, cols))
      return null
  }
  return nibbles
}

/** Whether the digits of a row's last byte that have no column are the zero. */
function isPadded(byte: number, cols: number): boolean {
  const used = cols % PER_BYTE === 0 ? PER_BYTE : cols % PER_BYTE
  return DIGITS[byte]! >>> (4 * used) === 0x11111 >>> (4 * used)
}
