/** The village and who is in it: `#members`, and `#members/PEER` for one of them. */
import { send } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Confirm, Copy, Loading, Section } from '../../parts/widgets.js'
import { Member } from './member.js'
import { OpenInvites } from './open-invites.js'
import { Roster } from './roster.js'
import { CreateForm, JoinForm } from './village-forms.js'

function AboutVillage({ village, members }) {
  const leave = () => send('POST', '/api/v1/village/leave')
  const others = (members ?? []).filter(
    ({ self, revoked, leftAtMs }) => !self && revoked === null && leftAtMs === null,
  )
  const isLastAdmin =
    village.role === 'admin' && others.length > 0 && others.every(({ role }) => role !== 'admin')
  return html`<${Section} id="village" title=${village.name}>
    <dl class="facts-list">
      <div><dt>You are</dt><dd>${village.role}</dd></div>
      <div><dt>Who gets in</dt><dd>${village.open ? 'anybody, as a guest whose work is checked' : 'members alone, by invite'}</dd></div>
      <div><dt>Founded</dt><dd>${time(village.createdAtMs)}</dd></div>
      <div><dt>Village ID</dt><dd><${Copy} text=${village.id} label="the village ID"><code>${village.id.slice(0, 16)}…</code><//></dd></div>
    </dl>
    ${isLastAdmin ? html`<p class="foot">You are the only admin: before you leave, invite another one.</p>` : null}
    <div class="leave">
      <${Confirm} label="Leave this village" verb="Leave" question=${`Leave ${village.name}?`}
        explain=${`The village’s keys are removed from this node. ${village.revoked ? 'It was revoked and cannot come back.' : 'To come back it needs a new invite.'}`}
        action=${leave} />
    </div>
  <//>`
}

export function Page({ state, place }) {
  const { status, members } = state
  if (status === undefined) return html`<${Loading} lines=${6} />`
  const { village } = status
  if (village === null)
    return html`<${Section} id="village" title="No village yet">
      <p class="empty">A village is a community of machines that trust each other and lend each other work. Create one and invite others, or join one by the invite that somebody sent you.</p>
      <div class="two forms"><${CreateForm} /><${JoinForm} /></div>
    <//>`
  if (place[0] !== undefined && place[0] !== '') return html`<${Member} state=${state} id=${place[0]} />`
  return html`<div class="columns">
    <div class="column wide"><${Roster} state=${state} /></div>
    <div class="column">
      ${village.role === 'admin' ? html`<${OpenInvites} />` : null}
      <${AboutVillage} village=${village} members=${members} />
    </div>
  </div>`
}
