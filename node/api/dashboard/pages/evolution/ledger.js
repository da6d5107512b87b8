/** The ledger of a run: its blocks, whether it verifies, and the file that anybody can verify. */
import { useState } from '../../lib/hooks.js'
import { download, get } from '../../parts/connection.js'
import { bytes, count, counted, short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { useLive } from '../../parts/live.js'
import { Copy, Empty, Loading, Problem, Section, Table, useAction } from '../../parts/widgets.js'
import { RUN_EVENTS } from './runs.js'
import { isOver } from './words.js'

const PAGE_BLOCKS = 20
const POLL_MS = 5_000

function Verdict({ verdict }) {
  return verdict.ok
    ? html`<p class="good">It verifies: ${counted(verdict.height, 'block')}, ${counted(verdict.statements, 'statement')}, every signature and every hash, from the announcement to ${short(verdict.hash)}.</p>`
    : html`<p class="problem" role="alert"><strong>Block ${count(verdict.height)} does not verify.</strong><span>${verdict.reason}</span><code>${verdict.code}</code></p>`
}

const clock = (ms) =>
  new Date(ms).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })

function blockRow({ height, timeMs, proposer, votes, sizeBytes, statements, hash }, nameOf) {
  return {
    key: height,
    cells: [
      count(height),
      clock(timeMs),
      nameOf(proposer),
      count(votes),
      statements.length === 0
        ? 'nothing new'
        : html`<ul class="statements">${statements.map(
            ({ kind, author, about }, index) =>
              html`<li key=${index}><strong>${kind}</strong> ${nameOf(author)}${about === '' ? '' : `: ${about}`}</li>`,
          )}</ul>`,
      bytes(sizeBytes),
      html`<${Copy} text=${hash} label=${`the hash of block ${height}`}>${hash.slice(0, 8)}<//>`,
    ],
  }
}

function Blocks({ run, nameOf }) {
  const [asked, setPage] = useState(null)
  const last = Math.max(0, Math.floor((run.height - 1) / PAGE_BLOCKS))
  const page = Math.min(asked ?? last, last)
  const { data, error, loading } = useLive(
    run.height === 0
      ? null
      : `/api/v1/runs/${run.run}/blocks?from=${page * PAGE_BLOCKS + 1}&limit=${PAGE_BLOCKS}`,
    RUN_EVENTS,
    { only: (event) => event.run === run.run && page === last, ...(isOver(run) ? {} : { everyMs: POLL_MS }) },
  )
  const blocks = [...(data?.blocks ?? [])].reverse()
  return html`<${Problem} error=${error} />
    ${
      run.height === 0
        ? html`<${Empty}>No block yet.<//>`
        : loading
          ? html`<${Loading} lines=${3} />`
          : html`<${Table} label="Blocks, the newest first" head=${['Block', 'Time', 'Proposed by', 'Votes', 'What it says', 'Size', 'Hash']} rows=${blocks.map((block) => blockRow(block, nameOf))} />`
    }
    ${
      last === 0
        ? null
        : html`<nav class="pager" aria-label="Pages of the ledger">
            <button type="button" disabled=${page === last} onClick=${() => setPage(page + 1 >= last ? null : page + 1)}>Newer</button>
            <span role="status">${count(page * PAGE_BLOCKS + 1)} to ${count(Math.min(run.height, (page + 1) * PAGE_BLOCKS))} of ${count(run.height)}</span>
            <button type="button" disabled=${page === 0} onClick=${() => setPage(page - 1)}>Older</button>
          </nav>`
    }`
}

export function Ledger({ run, nameOf }) {
  const path = `/api/v1/runs/${run.run}`
  const [isShown, setShown] = useState(false)
  const [verdict, setVerdict] = useState(null)
  const verify = useAction(async () => {
    setVerdict(null)
    setVerdict(await get(`${path}/verify`))
  })
  const save = useAction(() => download(`${path}/ledger`, `${run.name.replace(/[^\w-]+/g, '-')}.ledger`))
  const aside = html`<div class="actions">
    <button type="button" disabled=${verify.busy} onClick=${() => verify.act()}>${verify.busy ? 'Verifying…' : 'Verify'}</button>
    <button type="button" disabled=${save.busy} onClick=${() => save.act()}>Save</button>
  </div>`
  return html`<${Section} id="ledger" title=${html`Ledger <span class="count">${counted(run.height, 'block')}</span>`} aside=${aside}>
    <p class="soft">Who said what, in blocks that name each other by hash and that the members have signed. Anybody can verify the saved file: <code>village ledger verify FILE</code></p>
    <div role="status">${verdict === null ? null : html`<${Verdict} verdict=${verdict} />`}</div>
    <${Problem} error=${verify.error ?? save.error} />
    <details class="blocks" open=${isShown} onToggle=${(event) => setShown(event.currentTarget.open)}>
      <summary>${isShown ? 'The blocks, the newest first' : 'Show the blocks'}</summary>
      ${isShown ? html`<${Blocks} run=${run} nameOf=${nameOf} />` : null}
    </details>
  <//>`
}
