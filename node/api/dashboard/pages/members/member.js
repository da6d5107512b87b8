/** One member: what it is, how it is reached, what it lends, how far it is trusted; and how to put it out. */
import { send } from '../../parts/connection.js'
import { bytes, count, percent, short, time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { peerNames } from '../../parts/peer-names.js'
import { useTitle } from '../../parts/title.js'
import { Confirm, Copy, Empty, Loading, Problem, Section, Table } from '../../parts/widgets.js'
import { latencyText, linkText, stateOf } from './member-state.js'

function Row({ label, children }) {
  return html`<div><dt>${label}</dt><dd>${children}</dd></div>`
}

function Trust({ peer, name, isAdmin }) {
  const { data, error, loading, reload } = useLive('/api/v1/trust', ['peer:quarantined', 'job:changed'])
  const rows = (data?.trust ?? []).filter((row) => row.peer === peer)
  const isQuarantined = rows.some(
    ({ quarantinedUntilMs }) => quarantinedUntilMs !== null && quarantinedUntilMs > Date.now(),
  )
  const pardon = async () => {
    await send('POST', `/api/v1/trust/${encodeURIComponent(peer)}/pardon`)
    reload()
    return true
  }
  return html`<${Section} id="trust" title="Trust"
    aside=${
      isQuarantined && isAdmin
        ? html`<${Confirm} label="Pardon" verb="Pardon" question=${`Pardon ${name}?`}
            explain="It gets tasks again, each checked until ten in a row were right." action=${pardon} />`
        : null
    }>
    <p class="foot">Results of a member that has not shown itself are checked by others. After ten right ones in a row only samples are; one wrong result starts anew.</p>
    <${Problem} error=${error} />
    ${
      loading
        ? html`<${Loading} />`
        : rows.length === 0
          ? html`<${Empty}>This node has checked no result of it yet.<//>`
          : html`<${Table} label=${`Trust in ${name}`} head=${['Kind of task', 'Right in a row', 'Quarantined', 'Why']}
              rows=${rows.map((row) => ({
                key: row.kind,
                cells: [
                  row.kind,
                  count(row.consecutiveValid),
                  row.quarantinedUntilMs === null ? 'no' : `until ${time(row.quarantinedUntilMs)}`,
                  row.reason ?? '–',
                ],
              }))} />`
    }
  <//>`
}

function Lends({ capabilities }) {
  if (capabilities === null) return html`<${Empty}>It has not said yet what it lends.<//>`
  return html`<dl class="facts-list">
    <${Row} label="Cores">${capabilities.cores}<//>
    <${Row} label="Memory">${bytes(capabilities.memoryBytes)}<//>
    <${Row} label="Busy">${percent(Math.min(1, capabilities.load))} of what it lends<//>
    <${Row} label="Profile">${capabilities.profile}<//>
    <${Row} label="Power">${capabilities.power}<//>
    <${Row} label="Takes work">${capabilities.accepting ? 'yes' : 'not now'}<//>
    <${Row} label="Kernels">${capabilities.native ? 'native' : 'reference (slow)'}<//>
    <${Row} label="Tasks">${capabilities.taskKinds.join(', ') || 'none'}<//>
    <${Row} label="Models">${capabilities.models.length} held<//>
    <${Row} label="Agents">${capabilities.agents?.map(({ name, model }) => `${name}${model ? ' with a model' : ''}`).join(', ') || 'none'}<//>
    <${Row} label="Version">${capabilities.version}<//>
  </dl>`
}

export function Member({ state, id }) {
  const { members, peers, status } = state
  const member = members?.find(({ peer }) => peer === id)
  useTitle(member?.name ?? '')
  if (members === undefined) return html`<${Loading} lines=${6} />`
  const back = html`<p class="trail"><a href="#members">Members</a><span aria-hidden="true">›</span><span>${member?.name ?? short(id)}</span></p>`
  if (member === undefined)
    return html`${back}<${Section} id="member" title="No such member"><${Empty}>Nobody of this village has that peer ID.<//><//>`
  const peer = peers?.find((one) => one.peer === id)
  const nameOf = peerNames(state)
  const isAdmin = status?.village?.role === 'admin'
  const isGone = member.revoked !== null || member.leftAtMs !== null
  const revoke = () =>
    send('POST', `/api/v1/members/${encodeURIComponent(id)}/revoke`, { reason: 'revoked on the dashboard' })
  return html`${back}<div class="columns">
    <div class="column wide">
      <${Section} id="member" title=${member.name}
        aside=${
          isAdmin && !isGone && !member.self
            ? html`<${Confirm} label="Revoke" verb="Revoke" question=${`Revoke ${member.name}?`}
                explain="Its connections end everywhere at once and it is not let in again. This cannot be taken back." action=${revoke} />`
            : null
        }>
        <dl class="facts-list">
          <${Row} label="Peer ID"><${Copy} text=${member.peer} label=${`the peer ID of ${member.name}`}>${short(member.peer)}<//><//>
          <${Row} label="State">${stateOf(member, peer).word}<//>
          <${Row} label="Role">${member.role}<//>
          <${Row} label="Joined">${time(member.joinedAtMs)}${member.sponsor === null ? '' : `, invited by ${nameOf(member.sponsor)}`}<//>
          ${member.revoked === null ? null : html`<${Row} label="Revoked">${time(member.revoked.atMs)} by ${nameOf(member.revoked.by)}<//>`}
          ${member.leftAtMs === null ? null : html`<${Row} label="Left">${time(member.leftAtMs)}<//>`}
          ${
            member.self
              ? null
              : html`<${Row} label="Link">${linkText(peer)}${peer === undefined ? '' : `, ${peer.direction === 'inbound' ? 'it called' : 'this node called'}, ${peer.latencyMs === null ? 'not measured yet' : latencyText(peer.latencyMs)}`}<//>`
          }
          ${
            peer === undefined
              ? null
              : html`<${Row} label="Connected">since ${time(peer.connectedAtMs)}<//>
                <${Row} label="Addresses"><ul class="addresses">${peer.addresses.map((address) => html`<li key=${address}><code>${address}</code></li>`)}</ul><//>`
          }
        </dl>
      <//>
      ${member.self ? null : html`<${Trust} peer=${id} name=${member.name} isAdmin=${isAdmin} />`}
    </div>
    ${
      peer === undefined
        ? null
        : html`<div class="column"><${Section} id="lends" title="Lends"><${Lends} capabilities=${peer.capabilities} /><//></div>`
    }
  </div>`
}
