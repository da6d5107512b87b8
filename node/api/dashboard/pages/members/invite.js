/** Makes an invite: what it is good for is asked, then it is shown as text and as a QR code. */
import { useRef, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Copy, Problem, useAction } from '../../parts/widgets.js'

const DAY_MS = 86_400_000
const EXPIRIES = [
  ['1 hour', 3_600_000],
  ['1 day', DAY_MS],
  ['7 days', 7 * DAY_MS],
  ['30 days', 30 * DAY_MS],
]

/** `onMade` is called after each. */
export function Invite({ onMade }) {
  const dialog = useRef(null)
  const [made, setMade] = useState(null)
  const { busy, error, act } = useAction((body) => send('POST', '/api/v1/village/invites', body))
  const submit = async (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const invite = await act({
      role: String(form.get('role')),
      expiresInMs: Number(form.get('expires')),
      uses: Number(form.get('uses')),
    })
    if (invite === undefined) return
    setMade(invite)
    onMade()
  }
  const open = () => {
    setMade(null)
    dialog.current?.showModal()
  }
  return html`<button type="button" class="primary" onClick=${open}>Invite</button>
    <dialog ref=${dialog} aria-labelledby="invite-title">
      <h3 id="invite-title">Invite a node</h3>
      ${
        made === null
          ? html`<form class="form" onSubmit=${submit}>
            <label>Role
              <select name="role"><option value="member">member</option><option value="edge">edge</option><option value="admin">admin</option></select>
            </label>
            <label>Good for
              <select name="expires">
                ${EXPIRIES.map(([label, ms]) => html`<option value=${ms} selected=${ms === 7 * DAY_MS}>${label}</option>`)}
              </select>
            </label>
            <label>How many nodes<input type="number" name="uses" min="1" max="10000" defaultValue="1" required /></label>
            <${Problem} error=${error} />
            <div class="actions">
              <button type="button" onClick=${() => dialog.current?.close()}>Cancel</button>
              <button type="submit" class="primary" disabled=${busy}>Make invite</button>
            </div>
          </form>`
          : html`<div class="form">
            <p>Whoever has this can join as ${made.role} ${made.expiresAtMs === null ? 'and it does not expire' : `until ${time(made.expiresAtMs)}`}. Send it privately.</p>
            ${
              made.qrSvg === null
                ? null
                : html`<img class="qr" alt="QR code of the invite" src=${`data:image/svg+xml,${encodeURIComponent(made.qrSvg)}`} />`
            }
            <textarea readonly rows="4" aria-label="The invite" onFocus=${(event) => event.currentTarget.select()}>${made.invite}</textarea>
            <div class="actions">
              <${Copy} text=${made.invite} label="the invite">Copy<//>
              <button type="button" class="primary" onClick=${() => dialog.current?.close()}>Done</button>
            </div>
          </div>`
      }
    </dialog>`
}
