/** Keys for other programs: what each may do, how much it has used, and making and revoking them. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { count, counted, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Read } from '../../parts/read.js'
import { Confirm, Copy, Problem, Section, Table, useAction } from '../../parts/widgets.js'

const DAY_MS = 86_400_000
const SCOPES = [
  ['read', 'read: sees what there is'],
  ['ask', 'ask: and makes this node think: search, answers, generation'],
  ['operate', 'operate: and starts and changes work'],
  ['admin', 'admin: everything, like you'],
]
const LIVES = [
  ['', 'until it is revoked'],
  [String(DAY_MS), 'for a day'],
  [String(30 * DAY_MS), 'for 30 days'],
  [String(365 * DAY_MS), 'for a year'],
]
const LIMITS = [
  ['requestsByMinute', 'Requests a minute'],
  ['requestsByDay', 'Requests a day'],
  ['tokensByDay', 'Tokens a day'],
]
const POLL_MS = 10_000

function Row({ key: one, onRevoked }) {
  const limits = LIMITS.filter(([name]) => one[name] !== null).map(
    ([name, title]) => `${count(one[name])} ${title.toLowerCase()}`,
  )
  const revoke = async () => {
    await send('DELETE', `/api/v1/keys/${encodeURIComponent(one.id)}`)
    onRevoked()
    return true
  }
  const tokens = (usage) => usage.promptTokens + usage.completionTokens
  return {
    key: one.id,
    cells: [
      html`<span class="name"><strong>${one.name}</strong> <small>${one.id}</small></span>`,
      one.scope,
      one.expiresAtMs === null ? 'no end' : time(one.expiresAtMs),
      one.lastUsedAtMs === null ? 'never' : time(one.lastUsedAtMs),
      `${count(one.today.requests)} requests, ${counted(tokens(one.today), 'token')}`,
      limits.length === 0 ? 'none' : limits.join(', '),
      html`<${Confirm} label="Revoke" question=${`Revoke ${one.name}?`} explain="Whatever uses it is refused from now on, what runs under it is stopped, and what it said is erased." verb="Revoke it" action=${revoke} />`,
    ],
  }
}

function NewKey({ onMade }) {
  const [made, setMade] = useState(null)
  const { busy, error, act } = useAction(async (form) => {
    const given = new FormData(form)
    const numbers = LIMITS.map(([name]) => [name, Number(given.get(name))]).filter(([, value]) => value > 0)
    const life = String(given.get('life'))
    setMade(
      await send('POST', '/api/v1/keys', {
        ...{ name: String(given.get('name')).trim(), scope: String(given.get('scope')) },
        ...(life !== '' && { expiresInMs: Number(life) }),
        ...Object.fromEntries(numbers),
      }),
    )
    form.reset()
    onMade()
  })
  const submit = (event) => {
    event.preventDefault()
    act(event.currentTarget)
  }
  return html`<${Section} id="new-key" title="Make a key">
    ${
      made === null
        ? null
        : html`<div class="secret" role="status"><p><strong>The secret of ${made.key.name}</strong>. It is shown this once: copy it now.</p>
          <p><${Copy} text=${made.secret} label="the secret"><code>${made.secret}</code><//></p>
          <button type="button" onClick=${() => setMade(null)}>I have it</button></div>`
    }
    <form class="form narrow" onSubmit=${submit}>
      <label>Name<input name="name" required maxlength="64" placeholder="editor" autocomplete="off" /></label>
      <label>What it may do<select name="scope">${SCOPES.map(([value, title]) => html`<option value=${value} selected=${value === 'ask'}>${title}</option>`)}</select></label>
      <label>Good<select name="life">${LIVES.map(([value, title]) => html`<option value=${value}>${title}</option>`)}</select></label>
      <details class="why"><summary>Limits</summary><div class="form inline">${LIMITS.map(
        ([name, title]) =>
          html`<label key=${name}>${title}<input name=${name} type="number" min="1" placeholder="none" /></label>`,
      )}</div></details>
      <${Problem} error=${error} />
      <button type="submit" class="primary" disabled=${busy}>Make it</button>
    </form>
  <//>`
}

export function Keys() {
  const read = useLive('/api/v1/keys', [], { everyMs: POLL_MS })
  const keys = read.data?.keys
  return html`<div class="stack">
    <${Section} id="keys" title=${html`Keys${keys === undefined ? null : html` <span class="count">${keys.length}</span>`}`}>
      <p class="foot">Programs that speak OpenAI’s API, MCP, A2A or Prometheus use a key of their own, so that each can do no more than it must.</p>
      <${Read} error=${read.error} rows=${keys} lines=${2} empty="No keys yet.">
        ${(rows) => html`<${Table} label="Keys" head=${['Name', 'Scope', 'Ends', 'Last used', 'Today', 'Limits', '']} rows=${rows.map((key) => Row({ key, onRevoked: read.reload }))} />`}
      <//>
    <//>
    <${NewKey} onMade=${read.reload} />
  </div>`
}
