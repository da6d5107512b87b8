/** How good the search of a collection is, measured by queries that a person has judged: by words, by meaning, or by both. */
import { useState } from '../../lib/hooks.js'
import { send } from '../../parts/connection.js'
import { count, counted } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Intervals } from '../../parts/intervals.js'
import { Problem, textOf, useForm } from '../../parts/widgets.js'

const RANKERS = [
  ['hybrid', 'Words and meaning'],
  ['bm25', 'Words only'],
  ['vectors', 'Meaning only'],
]

function Report({ report }) {
  const { metrics, queries, documents, chunks, latencyMs } = report
  return html`<p role="status">${counted(queries.length, 'query', 'queries')} over ${counted(documents, 'document')} (${counted(chunks, 'passage')}); a search took ${count(Number(latencyMs.p50.toFixed(1)))} ms, one in twenty ${count(Number(latencyMs.p95.toFixed(1)))} ms or more.</p>
    <${Intervals} label="Quality on the judged queries" head="Measure" rows=${metrics.map(({ name, title, ...found }) => ({ key: name, name: title, ...found }))} />`
}

export function JudgedSearch({ info }) {
  const [report, setReport] = useState(null)
  const { busy, error, submit } = useForm(async (form) => {
    setReport(null)
    const given = {
      data: textOf(form, 'data'),
      ranker: textOf(form, 'ranker'),
      feedback: form.get('feedback') === 'on',
    }
    setReport(await send('POST', '/api/v1/evaluations/retrieval', { collection: info.id, ...given }))
  })
  return html`<details class="why"><summary>Measure by judged queries</summary>
    <form class="form" onSubmit=${submit}>
      <p class="foot">A folder on this node’s machine with <code>queries.jsonl</code> and <code>qrels.tsv</code> (BEIR’s layout). Every query is asked of this collection.</p>
      <label>Folder<input name="data" required placeholder="/home/me/judged" /></label>
      <label>Rank by<select name="ranker">${RANKERS.filter(([name]) => info.encoder !== null || name === 'bm25').map(([name, title]) => html`<option value=${name}>${title}</option>`)}</select></label>
      <label class="check"><input name="feedback" type="checkbox" /> Add words of the best passages to each query</label>
      <button type="submit" disabled=${busy}>${busy ? 'Asking them all…' : 'Measure'}</button>
    </form>
    <${Problem} error=${error} />
    ${report === null ? null : html`<${Report} report=${report} />`}
  </details>`
}
