/** What changes between two texts, by lines. Pure. */

/** Above this many cells of the table, the middle is taken as exchanged. */
const MOST_CELLS = 4_000_000

/** @typedef {{ kind: 'same' | 'removed' | 'added', text: string }} Line */

/** Without an empty last line after a final line end. @param {string} text */
const linesOf = (text) => {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/**
 * The longest common subsequence of two lists of lines, by dynamic programming.
 * @param {string[]} before @param {string[]} after @returns {Line[]}
 */
function middleOf(before, after) {
  /** @param {Line['kind']} kind @returns {(text: string) => Line} */
  const as = (kind) => (text) => ({ kind, text })
  if (before.length * after.length > MOST_CELLS)
    return [...before.map(as('removed')), ...after.map(as('added'))]
  const width = after.length + 1
  const lengths = new Uint32Array((before.length + 1) * width)
  /** Of what is left from two places on. @param {number} i @param {number} j */
  const common = (i, j) => /** @type {number} */ (lengths[i * width + j])
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        before[i] === after[j] ? common(i + 1, j + 1) + 1 : Math.max(common(i + 1, j), common(i, j + 1))
  /** @type {Line[]} */
  const lines = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    const [old, now] = [before[i], after[j]]
    if (old !== undefined && old === now) {
      lines.push({ kind: 'same', text: old })
      i += 1
      j += 1
    } else if (old !== undefined && (now === undefined || common(i + 1, j) >= common(i, j + 1))) {
      lines.push({ kind: 'removed', text: old })
      i += 1
    } else {
      lines.push({ kind: 'added', text: /** @type {string} */ (now) })
      j += 1
    }
  }
  return lines
}

/** @param {string} before @param {string} after @returns {Line[]} */
export function diffLines(before, after) {
  const [old, now] = [linesOf(before), linesOf(after)]
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1
  let end = 0
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end))
    end += 1
  /** @param {string} text @returns {Line} */
  const same = (text) => ({ kind: 'same', text })
  return [
    ...old.slice(0, start).map(same),
    ...middleOf(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...old.slice(old.length - end).map(same),
  ]
}

/**
 * With only so many lines around each change; what is left out is a `gap` with its number of lines.
 * @param {Line[]} lines @returns {(Line | { kind: 'gap', count: number })[]}
 */
export function withoutDistant(lines, around = 3) {
  const near = new Uint8Array(lines.length)
  lines.forEach(({ kind }, at) => {
    if (kind !== 'same') near.fill(1, Math.max(0, at - around), at + around + 1)
  })
  /** @type {ReturnType<typeof withoutDistant>} */
  const shown = []
  lines.forEach((line, at) => {
    const last = shown.at(-1)
    if (near[at] === 1) shown.push(line)
    else if (last?.kind === 'gap') last.count += 1
    else shown.push({ kind: 'gap', count: 1 })
  })
  return shown
}
