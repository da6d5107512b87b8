/** What a call is given, whole and readable: texts as they are, the rest as JSON. */
import { html } from '../../parts/html.js'

export function Given({ given, without = [] }) {
  const entries = Object.entries(given ?? {}).filter(([name]) => !without.includes(name))
  if (entries.length === 0) return html`<p class="soft">No arguments.</p>`
  return html`<dl class="given">${entries.map(
    ([name, value]) =>
      html`<dt>${name}</dt><dd>${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</dd>`,
  )}</dl>`
}
