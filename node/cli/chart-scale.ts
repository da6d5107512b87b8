/** What all charts and pages of the command line are made with: text that is safe in HTML, and ticks that people read easily. */

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)

/** Steps of 1, 2 or 5 times a power of ten, about so many. */
export function niceTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count
  const magnitude = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((one) => one >= rough) ?? magnitude
  const ticks: number[] = []
  for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9; index++)
    ticks.push(index * step)
  return ticks
}

/** Decimals that tell these ticks apart. */
export const tickDecimals = (ticks: readonly number[]): number => {
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : 1
  return Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)))
}
