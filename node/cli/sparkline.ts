/** A row of numbers as a row of bars, one character each. */

const BARS = '▁▂▃▄▅▆▇█'

/** Means of equal parts, so that `values` fit `width` characters; a part without a known value is null. */
export function downsample(values: readonly (number | null)[], width: number): (number | null)[] {
  if (values.length <= width) return [...values]
  return Array.from({ length: width }, (_, index) => {
    const part = values
      .slice(Math.floor((index * values.length) / width), Math.floor(((index + 1) * values.length) / width))
      .filter((value) => value !== null)
    return part.length === 0 ? null : part.reduce((sum, value) => sum + value, 0) / part.length
  })
}

/** From `low` (0 if absent) to the largest value; a gap where a value is not known. */
export function sparkline(values: readonly (number | null)[], width: number, low = 0): string {
  const shown = downsample(values, width)
  const high = Math.max(low, ...shown.filter((value) => value !== null))
  return shown
    .map((value) => {
      if (value === null) return ' '
      const share = high > low ? (value - low) / (high - low) : 0
      return BARS[Math.max(0, Math.min(BARS.length - 1, Math.round(share * (BARS.length - 1))))]!
    })
    .join('')
}
