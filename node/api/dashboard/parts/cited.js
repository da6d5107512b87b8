/** Text of an answer whose `[n]` are links to the passages that they name, and the evidence that it has. */
import { percent } from './format.js'
import { html } from './html.js'
import { Bar } from './widgets.js'

/**
 * @param {{ text: string, href(number: number): string | null, titleOf(number: number): string }} given `href` gives null for what
 * cannot be opened: that stays text
 */
export function Cited({ text, href, titleOf }) {
  return html`<span class="cited">${text.split(/(\[\d{1,4}\])/).map((part, index) => {
    const number = index % 2 === 1 ? Number(part.slice(1, -1)) : 0
    const target = number === 0 ? null : href(number)
    if (target === null) return part
    return html`<a class="citation" href=${target} aria-label=${`Source ${number}: ${titleOf(number)}`} title=${titleOf(number)}>${part}</a>`
  })}</span>`
}

/** How well the passages cover the question, against what an answer needs. */
export function Evidence({ confidence, threshold }) {
  const enough = confidence >= threshold
  return html`<div class="evidence">
    <span>Evidence ${percent(confidence)}</span>
    <${Bar} share=${confidence} label=${`Evidence ${percent(confidence)}, needed ${percent(threshold)}`} tone=${enough ? '' : 'failed'} />
    <span class="soft">${enough ? 'answers from' : 'too little: answers from'} ${percent(threshold)}. How well the passages cover the question, not whether the answer is right.</span>
  </div>`
}
