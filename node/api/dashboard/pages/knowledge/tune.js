/** Finds the share of meaning in the scores by queries that a person has judged. */
import { useState } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { send } from '../../parts/connection.js'
import { counted, percent } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Problem, textOf, useForm } from '../../parts/widgets.js'

export function Tune({ info, onChanged }) {
  const [report, setReport] = useState(null)
  const { busy, error, submit } = useForm(async (form) => {
    setReport(null)
    const judged = textOf(form, 'judged')
    setReport(await send('POST', `/api/v1/collections/${encodeURIComponent(info.id)}/tune`, { judged }))
    onChanged()
  })
  return html`<details class="why"><summary>Tune by judged queries</summary>
    <form class="form" onSubmit=${submit}>
      <p class="foot">A folder on this node’s machine with <code>queries.jsonl</code> and <code>qrels.tsv</code> (BEIR’s layout). The share is kept only where it gains on queries that it was not chosen by.</p>
      <label>Folder<input name="judged" required placeholder="/home/me/judged" /></label>
      <button type="submit" disabled=${busy}>${busy ? 'Searching them all…' : 'Tune'}</button>
    </form>
    <${Problem} error=${error} />
    ${
      report === null
        ? null
        : html`<p role="status">${report.isSaved ? `Kept: ${percent(report.best)} meaning (it was ${percent(report.current)}).` : report.best === report.current ? `Left at ${percent(report.current)}: no other share is better.` : `Left at ${percent(report.current)}: ${percent(report.best)} does not gain enough.`}
            nDCG@10 on held-out queries ${report.heldOut.current.toFixed(3)} before, ${report.heldOut.tuned.toFixed(3)} tuned; gain ${report.gain.value.toFixed(3)} (${report.gain.low.toFixed(3)} to ${report.gain.high.toFixed(3)}) over ${counted(report.queries, 'query', 'queries')}.</p>
          <${Chart} label="Quality by the share of meaning" x=${{ label: 'share of meaning', values: report.curve.map(({ weight }) => weight) }}
            y=${{ label: 'nDCG@10' }} series=${[{ label: 'nDCG@10', values: report.curve.map(({ ndcg }) => ndcg) }]} height=${180} />`
    }
  </details>`
}
