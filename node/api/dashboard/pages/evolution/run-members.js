/** Who takes part in a run, what they did, and what they were caught at. */
import { bytes, count, duration } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Empty, Section, Table } from '../../parts/widgets.js'

const GONE = { left: 'left', away: 'does not answer', lied: 'lied, by proof' }
const LIES = {
  scores: 'showed scores that those of the others prove wrong',
  equivocation: 'signed votes that exclude each other',
}

export function RunMembers({ run, report, nameOf }) {
  const done = new Map(report.peers.map((row) => [row.peer, row]))
  return html`<${Section} id="members" title=${html`Members <span class="count">${run.participants.length}</span>`}>
    ${
      run.participants.length === 0
        ? html`<${Empty}>Nobody has joined yet. It begins when enough members have.<//>`
        : html`<${Table} label="Members of the run" head=${['Member', 'State', 'Votes on blocks', 'Scored', 'Believed', 'Busy', 'Energy', 'In / out']}
            rows=${run.participants.map(({ peer, gone, isVoter, believed, doubted, busyMs, joules }) => {
              const work = done.get(peer)
              return {
                key: peer,
                cells: [
                  html`<strong>${nameOf(peer)}</strong>`,
                  gone === null ? 'takes part' : html`<span class="doubt">${GONE[gone] ?? gone}</span>`,
                  isVoter ? 'yes' : 'no',
                  count(work?.scored ?? 0),
                  doubted === 0 ? count(believed) : `${count(believed)}, ${count(doubted)} doubted`,
                  duration(busyMs),
                  `${count(Math.round(joules))} J`,
                  work === undefined ? '–' : `${bytes(work.inBytes)} / ${bytes(work.outBytes)}`,
                ],
              }
            })} />
          <p class="foot">Energy and time are what members say; bytes are those that this node has counted.</p>`
    }
    ${run.lies.map(
      ({ peer, kind, generation }, index) =>
        html`<p key=${index} class="doubt">${nameOf(peer)} ${LIES[kind] ?? kind} in generation ${generation + 1}.</p>`,
    )}
  <//>`
}
