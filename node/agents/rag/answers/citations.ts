/** Citations `[n]` in what a language model wrote: only those of sources that it was given stay. */

export interface CheckedCitations {
  readonly text: string
  /** Numbers of the sources that are cited, rising. */
  readonly citations: readonly number[]
  /** Citations that named no source. */
  readonly unknown: number
}

/** `[2]`, `[1, 3]`, `[1][2]`, `[source 2]`; longer brackets are no citations. */
const BRACKETS = /\s?\[(?:sources?\s*)?(\d{1,6}(?:\s*[,;]\s*\d{1,6}){0,15})\]/gi

/** Taking a citation out can make another of what stood around it, as in `[1[9]9]`: so often that is looked for. */
const MAX_ROUNDS = 8

export function checkCitations(given: string, sources: number): CheckedCitations {
  const cited = new Set<number>()
  let unknown = 0
  const checked = (whole: string, list: string): string => {
    const numbers = list.split(/[,;]/).map(Number)
    const known = [...new Set(numbers.filter((number) => number >= 1 && number <= sources))]
    unknown += numbers.filter((number) => !known.includes(number)).length
    for (const number of known) cited.add(number)
    if (known.length === 0) return ''
    return `${/^\s/.test(whole) ? ' ' : ''}${known.map((number) => `[${number}]`).join('')}`
  }
  let text = given
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = text.replace(BRACKETS, checked)
    if (next === text) return { text: text.trim(), citations: [...cited].sort((a, b) => a - b), unknown }
    text = next
  }
  // Nobody writes brackets within brackets by accident.
  return { text: text.replace(/[[\]]/g, '').trim(), citations: [], unknown }
}
