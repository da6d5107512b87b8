/** A call that waits: what would be done with what, how a file would change, and the two answers. */

import { useEffect, useState } from '../../lib/hooks.js'
import { get, send } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { wishOf } from '../../parts/tool-words.js'
import { Problem, useAction } from '../../parts/widgets.js'
import { Diff } from './diff-view.js'
import { Given } from './given.js'

const WRITES_FILE = 'file_write'

export function Approval({ id, tool, by, given, reason, expiresAtMs, onDecided }) {
  const target = `/api/v1/approvals/${encodeURIComponent(id)}`
  const [preview, setPreview] = useState(null)
  const reading = useAction(async () => setPreview(await get(`${target}/preview`)))
  useEffect(() => {
    if (tool === WRITES_FILE) reading.act()
  }, [id])
  const { busy, error, act } = useAction(async (decision) => {
    await send('POST', target, { decision })
    onDecided?.()
  })
  const file = preview?.file ?? null
  return html`<div class="approval" role="group" aria-label=${`Approval of ${tool}`}>
    <p>${by === undefined ? 'It' : by} wants to <strong>${wishOf(tool, given)}</strong> (<code>${tool}</code>) and needs your approval${reason ? `: ${reason}` : '.'}</p>
    <${Given} given=${given} without=${file === null ? [] : ['content']} />
    ${file === null ? null : html`<${Diff} before=${file.before} after=${file.after} isCut=${file.isCut} path=${file.path} />`}
    ${preview?.problem ? html`<p class="foot">What the file is now cannot be shown: ${preview.problem.message} <code>${preview.problem.code}</code></p>` : null}
    <div class="actions start">
      <button type="button" class="primary" disabled=${busy} onClick=${() => act('approve')}>Approve</button>
      <button type="button" disabled=${busy} onClick=${() => act('deny')}>Deny</button>
      ${expiresAtMs === undefined ? null : html`<span class="soft">waits until ${time(expiresAtMs)}</span>`}
    </div>
    <${Problem} error=${error ?? reading.error} />
  </div>`
}
