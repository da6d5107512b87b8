/** Invites that are still good for somebody: for whom, until when, and a way to withdraw them. */
import { send } from '../../parts/connection.js'
import { time } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Confirm, Empty, Loading, Problem, Section, Table } from '../../parts/widgets.js'
import { Invite } from './invite.js'

export function OpenInvites() {
  const { data, error, loading, reload } = useLive(
    '/api/v1/village/invites',
    ['member:joined', 'village:changed'],
    {
      everyMs: 60_000,
    },
  )
  const invites = data?.invites ?? []
  const withdraw = async (id) => {
    await send('DELETE', `/api/v1/village/invites/${encodeURIComponent(id)}`)
    reload()
    return true
  }
  return html`<${Section} id="invites" title=${html`Open invites <span class="count">${data === undefined ? '' : invites.length}</span>`}
    aside=${html`<${Invite} onMade=${reload} />`}>
    <${Problem} error=${error} />
    ${
      loading
        ? html`<${Loading} />`
        : invites.length === 0
          ? html`<${Empty}>No invite is open on this node. An invite lets one machine in, or as many as you say.<//>`
          : html`<${Table} label="Open invites" head=${['Made', 'Joins as', 'Good until', 'Used', '']}
              rows=${invites.map((invite) => ({
                key: invite.id,
                cells: [
                  time(invite.issuedAtMs),
                  invite.role,
                  time(invite.expiresAtMs),
                  `${invite.used} of ${invite.uses}`,
                  html`<span class="cell-actions"><${Confirm} label="Withdraw" verb="Withdraw" question="Withdraw this invite?"
                    explain="Nobody can join by it any more. Who did stays." action=${() => withdraw(invite.id)} /></span>`,
                ],
              }))} />`
    }
  <//>`
}
