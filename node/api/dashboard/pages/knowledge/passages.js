/** The text of a document out of its passages; of a long one the part around the span, and more on demand. */
import { useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'
import { placedParts, within } from './overlap.js'

const WINDOW = 20

function Text({ text, part }) {
  if (part === null) return text
  return html`${text.slice(0, part.start)}<mark tabindex="-1">${text.slice(part.start, part.end)}</mark>${text.slice(part.end)}`
}

/** Page and headings where they change; headings that the text itself begins with need not be said twice. */
function Place({ part, before }) {
  const trail = part.headings.join(' › ')
  const isNewPage = part.page !== null && part.page !== (before?.page ?? null)
  const isSaid = part.headings.length <= 1 && part.text.trimStart().startsWith(trail)
  const isNewTrail = trail !== '' && trail !== (before?.headings.join(' › ') ?? '') && !isSaid
  if (!isNewPage && !isNewTrail) return null
  return html`<p class="passage-place">${isNewPage ? html`<span class="page-number">page ${part.page}</span>` : null}${isNewTrail ? html`<span>${trail}</span>` : null}</p>`
}

export function Passages({ passages, span }) {
  const parts = placedParts(passages)
  const middle = Math.max(
    0,
    parts.findIndex((part) => within(span, part) !== null),
  )
  const [from, setFrom] = useState(Math.max(0, middle - WINDOW / 2))
  const [until, setUntil] = useState(middle + WINDOW)
  return html`
    ${from === 0 ? null : html`<button type="button" class="quiet" onClick=${() => setFrom(Math.max(0, from - WINDOW))}>Show what stands before (${from} more parts)</button>`}
    ${parts.slice(from, until).map(
      (part, index) => html`<div class="passage" key=${part.start}>
        <${Place} part=${part} before=${parts[from + index - 1]} />
        <p class="passage-text"><${Text} text=${part.text} part=${within(span, part)} /></p>
      </div>`,
    )}
    ${until >= parts.length ? null : html`<button type="button" class="quiet" onClick=${() => setUntil(until + WINDOW)}>Show what follows (${parts.length - until} more parts)</button>`}`
}
