/** What was changed and is not saved yet; shows it once more before it is written. */

import { useRef } from '../../lib/hooks.js'
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Problem } from '../../parts/widgets.js'
import { shown } from './setting-values.js'

/** `changes`: [row, { value, reset? }] */
export function SaveBar({ changes, file, busy, error, onSave, onDiscard }) {
  const dialog = useRef(null)
  const save = async (event) => {
    event.preventDefault()
    await onSave()
    dialog.current?.close()
  }
  const needRestart = changes.filter(([row]) => row.reload === 'restart').length
  return html`<div class="save-bar" role="region" aria-label="Changes that are not saved">
      <span>${counted(changes.length, 'change is', 'changes are')} not saved</span>
      <span class="actions">
        <button type="button" onClick=${onDiscard}>Discard</button>
        <button type="button" class="primary" onClick=${() => dialog.current?.showModal()}>Save…</button>
      </span>
    </div>
    <dialog ref=${dialog} aria-labelledby="save-title" class="wide">
      <form onSubmit=${save}>
        <h3 id="save-title">Save to the configuration file?</h3>
        <ul class="save-list">${changes.map(
          ([row, { value, reset }]) =>
            html`<li key=${row.key}><code>${row.key}</code><span>${shown(row.nextValue, row.unit)} → ${reset ? `${shown(row.default, row.unit)} (default)` : shown(value, row.unit)}</span></li>`,
        )}</ul>
        <p>${file === null ? '' : html`Written to <code>${file}</code>. `}${
          needRestart === 0
            ? 'All of it takes effect at once.'
            : needRestart === changes.length
              ? 'It takes effect when the daemon is started again.'
              : `${needRestart} of them take effect when the daemon is started again, the rest at once.`
        }</p>
        <${Problem} error=${error} />
        <div class="actions">
          <button type="button" onClick=${() => dialog.current?.close()}>Go back</button>
          <button type="submit" class="primary" disabled=${busy}>${busy ? 'Saving…' : 'Save'}</button>
        </div>
      </form>
    </dialog>`
}
