/** The list of what wants attention; nothing is shown where there is nothing. */
import { html } from '../../parts/html.js'
import { Section } from '../../parts/widgets.js'
import { attentionOf } from './attention-rows.js'

const MAX_ROWS = 8
export function Attention({ state }) {
  const rows = attentionOf(state, Date.now())
  if (rows.length === 0) return null
  return html`<${Section} id="attention" title=${html`Wants attention <span class="count">${rows.length}</span>`}>
    <ul class="attention">
      ${rows.slice(0, MAX_ROWS).map(
        ({ key, tone, text, href, verb }) => html`<li key=${key}>
          <span class=${`dot ${tone}`} aria-hidden="true"></span><span>${text}</span><a href=${href} aria-label=${`${verb}: ${text}`}>${verb}</a>
        </li>`,
      )}
    </ul>
    ${rows.length > MAX_ROWS ? html`<p class="foot">and ${rows.length - MAX_ROWS} more</p>` : null}
  <//>`
}
