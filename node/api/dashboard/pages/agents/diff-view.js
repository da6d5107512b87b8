/** How a file would change, line by line. */
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { diffLines, withoutDistant } from './diff.js'

const SIGNS = { same: ' ', removed: '-', added: '+' }
const MOST_LINES = 400

export function Diff({ before, after, isCut, path }) {
  const all = diffLines(before ?? '', after)
  const changed = (kind) => all.filter((line) => line.kind === kind).length
  const lines = withoutDistant(all)
  const [added, removed] = [changed('added'), changed('removed')]
  return html`<figure class="diff"><figcaption>${before === null ? 'A new file' : 'Changes'} <code>${path}</code>: ${counted(added, 'line')} added, ${removed} removed${isCut ? '; the file is long: it was compared with its beginning only' : ''}</figcaption>
    <pre tabindex="0" role="region" aria-label=${`Changes of ${path}`}>${lines
      .slice(0, MOST_LINES)
      .map((line) => {
        if (line.kind === 'gap') return html`<span class="gap">… ${line.count} same\n</span>`
        const text = `${SIGNS[line.kind]} ${line.text}\n`
        return line.kind === 'same'
          ? html`<span>${text}</span>`
          : line.kind === 'added'
            ? html`<ins>${text}</ins>`
            : html`<del>${text}</del>`
      })}</pre>
    ${lines.length > MOST_LINES ? html`<p class="foot">${lines.length - MOST_LINES} more lines are not shown.</p>` : null}
  </figure>`
}
