/** Create, join and leave a village; invite others; who is on the roster. */

import { useRef, useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Confirm, Copy, Empty, Loading, Problem, Section, useAction } from '../../parts/widgets.js'

const DAY_MS = 86_400_000
const EXPIRIES = [
  ['1 hour', 3_600_000],
  ['1 day', DAY_MS],
  ['7 days', 7 * DAY_MS],
  ['30 days', 30 * DAY_MS],
]

function CreateForm() {
  const { busy, error, act } = useAction((name, open) => send('POST', '/api/v1/village', { name, open }))
  const submit = (event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    act(String(form.get('name')).trim(), form.get('open') === 'on')
  }
  return html`<form class="form" onSubmit=${submit}>
    <h3>Create a village</h3>
    <label>Name<input name="name" required maxlength="64" autocomplete="off" placeholder="Elm Street" /></label>
    <label class="check"><input type="checkbox" name="open" /> Open: anybody may join as a guest</label>
    <${Problem} error=${error} />
    <button type="submit" class="primary" disabled=${busy}>${busy ? 'Creating…' : 'Create'}</button>
  </form>`
}

function JoinForm() {
  const { busy, error, act } = useAction((invite) => send('POST', '/api/v1/village/join', { invite }))
  const submit = (event) => {
    event.preventDefault()
    act(String(new FormData(event.currentTarget).get('invite')).trim())
  }
  return html`<form class="form" onSubmit=${submit}>
    <h3>Join a village</h3>
    <label>Invite<textarea name="invite" required rows="3" spellcheck=${false} autocomplete="off" placeholder="village1…"></textarea></label>
    <${Problem} error=${error} />
    <button type="submit" class="primary" disabled=${busy}>${busy ? 'Joining…' : 'Join'}</button>
  </form>`
}

function Invite() {
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
    if (invite !== undefined) setMade(invite)
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
            <label>How many nodes<input type="number" name="uses" min="1" max="10000" value="1" required /></label>
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

function memberState(member) {
  if (member.revoked !== null) return `revoked${member.revoked.reason ? `: ${member.revoked.reason}` : ''}`
  if (member.leftAtMs !== null) return 'left'
  return member.self ? 'this node' : member.connected ? 'connected' : 'away'
}

function MemberRow({ member, isAdmin }) {
  const gone = member.revoked !== null || member.leftAtMs !== null
  const revoke = () =>
    send('POST', `/api/v1/members/${encodeURIComponent(member.peer)}/revoke`, {
      reason: 'revoked on the dashboard',
    })
  return html`<li class=${gone ? 'row gone' : 'row'}>
    <span class=${`dot ${gone ? 'bad' : member.connected || member.self ? 'good' : ''}`} aria-hidden="true"></span>
    <span class="row-main">
      <strong>${member.name}</strong>
      <small>${member.role} · ${memberState(member)} · <${Copy} text=${member.peer} label=${`the peer ID of ${member.name}`}>${short(member.peer)}<//></small>
    </span>
    ${
      isAdmin && !gone && !member.self
        ? html`<${Confirm} label="Revoke" verb="Revoke" question=${`Revoke ${member.name}?`}
          explain="Its connections end everywhere at once and it is not let in again. This cannot be taken back." action=${revoke} />`
        : null
    }
  </li>`
}

export function Village({ state }) {
  const { status, members } = state
  if (status === undefined)
    return html`<${Section} id="village" title="Village"><${Loading} lines=${4} /><//>`
  const { village } = status
  if (village === null)
    return html`<${Section} id="village" title="Village">
      <div class="two"><${CreateForm} /><${JoinForm} /></div>
    <//>`
  const isAdmin = village.role === 'admin'
  return html`<${Section} id="village" title="Members" aside=${isAdmin ? html`<${Invite} />` : null}>
    ${
      members === undefined
        ? html`<${Loading} lines=${village.members} />`
        : members.length === 0
          ? html`<${Empty}>Nobody is on the roster.<//>`
          : html`<ul class="rows">${members.map((member) => html`<${MemberRow} key=${member.peer} member=${member} isAdmin=${isAdmin} />`)}</ul>`
    }
    <p class="foot">
      <${Confirm} label="Leave this village" verb="Leave" question=${`Leave ${village.name}?`}
        explain=${`The village’s keys are removed from this node. ${village.revoked ? 'It was revoked and cannot come back.' : 'To come back it needs a new invite.'}`}
        action=${() => send('POST', '/api/v1/village/leave')} />
    </p>
  <//>`
}
