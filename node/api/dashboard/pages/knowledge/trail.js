/** Where a view is, with the way back. */
import { html } from '../../parts/html.js'
import { placeOf } from '../../parts/place.js'

/** @param {{ steps: readonly [string, string | null][] }} given title and address of each; the last has none */
export const Trail = ({ steps }) =>
  html`<nav class="trail" aria-label="Where this is">${[['Knowledge', placeOf('knowledge')], ...steps].map(
    ([title, href]) =>
      href === null
        ? html`<span aria-current="page">${title}</span>`
        : html`<a href=${href}>${title}</a><span aria-hidden="true">›</span>`,
  )}</nav>`
