/** Passages of a document overlap, so that none ends in the middle of a thought: here they are one text again. Pure. */

/**
 * Of each passage what stands behind the one before, with its own offset; `origin` is where the whole passage begins.
 * @template {{ start: number, end: number, text: string }} P
 * @param {readonly P[]} passages @returns {(P & { origin: number })[]}
 */
export function withoutOverlap(passages) {
  let end = 0
  return passages.flatMap((passage) => {
    const from = Math.max(passage.start, end)
    if (passage.end <= from) return []
    end = passage.end
    return [
      { ...passage, start: from, text: passage.text.slice(from - passage.start), origin: passage.start },
    ]
  })
}

/**
 * @typedef {{ start: number, end: number, text: string, page: number | null, headings: string[],
 *   sections?: readonly { start: number, page: number | null, headings: number[] }[] }} Passage
 * @typedef {{ start: number, text: string, page: number | null, headings: string[] }} PlacedPart
 */

/**
 * The parts that lie on one page and under the same headings, in the order of the text. A passage without `sections` is all in one
 * place; those of others count from its beginning.
 * @param {readonly Passage[]} passages @returns {PlacedPart[]}
 */
export function placedParts(passages) {
  return withoutOverlap(passages).flatMap(({ start, text, page, headings, sections, origin }) => {
    const given = sections ?? [{ start: 0, page, headings: headings.map((_, index) => index) }]
    return given.flatMap((section, index) => {
      const from = Math.max(start, origin + section.start)
      const next = given[index + 1]
      const until = Math.min(start + text.length, next === undefined ? Infinity : origin + next.start)
      if (until <= from) return []
      const above = section.headings.flatMap((at) => headings[at] ?? [])
      return [
        { start: from, text: text.slice(from - start, until - start), page: section.page, headings: above },
      ]
    })
  })
}

/**
 * The place of a span within a text that begins at `start`; null where they do not meet.
 * @param {{ start: number, end: number } | null} span @param {{ start: number, text: string }} part
 */
export function within(span, { start, text }) {
  if (span === null || span.end <= start || span.start >= start + text.length) return null
  return { start: Math.max(0, span.start - start), end: Math.min(text.length, span.end - start) }
}
