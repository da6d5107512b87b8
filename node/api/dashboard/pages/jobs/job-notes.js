/** Why a job went as it did: what was given to a second peer, given back, late or wrong. */
import { counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Loading, Problem } from '../../parts/widgets.js'

const SAID = {
  hedged: (who) => `was slow, so ${who} got it as well`,
  declined: (who) => `was given back unharmed by ${who}, who has no room for it now`,
  failed: (who, code) => `failed at ${who}: ${code}`,
  late: (who) => `was taken back: no sign of life from ${who} in time`,
  outrun: (who) => `was taken back from ${who}: another result came first, or it was not needed any more`,
  lied: (who) => `came back wrong from ${who}, who is quarantined`,
  quarantined: (who) => `was taken back from ${who}, who is quarantined`,
  reopened: () => 'is computed again: its result rested on the word of a liar',
}
const LOUD = new Set(['failed', 'late', 'lied', 'quarantined', 'reopened'])

const clock = (ms) => new Date(ms).toLocaleTimeString(undefined, { timeStyle: 'medium' })

export function JobNotes({ job, names }) {
  const only = (data) => data.job === job.id
  const { data, error, loading } = useLive(
    `/api/v1/jobs/${job.id}/history`,
    ['job:changed', 'task:changed'],
    { only },
  )
  const notes = (data?.notes ?? []).toReversed()
  return html`<${Problem} error=${error} />
    ${loading ? html`<${Loading} lines=${2} />` : null}
    ${
      data === undefined
        ? null
        : notes.length === 0
          ? html`<p class="empty">Nothing out of the ordinary since the daemon started.</p>`
          : html`<ol class="notes">
              ${notes.map(
                ({ atMs, what, task, label, peer, code }) =>
                  html`<li class=${LOUD.has(what) ? 'loud' : ''}><time>${clock(atMs)}</time>
                    <span><b>${label || `task ${task}`}</b> ${SAID[what]?.(peer === null ? 'nobody' : names(peer), code) ?? what}</span></li>`,
              )}
            </ol>
            ${data.forgotten > 0 ? html`<p class="foot">${counted(data.forgotten, 'note')} came before these.</p>` : null}`
    }`
}
