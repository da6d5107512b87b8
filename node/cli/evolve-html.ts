/** A report as one HTML page that needs nothing else: no script, no request, light and dark. */
import { escapeHtml } from './chart-scale.ts'
import { finalChart, fitnessChart, lineageChart } from './evolve-charts.ts'
import { phaseText, verdictText } from './evolve-text.ts'
import type { ReportView } from './evolve-view.ts'
import { bytes, count, duration, short } from './format.ts'

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--back:#fff;--best:#0a6b3d;--mean:#9a5b00;--dot:#57606a;--subject:#0a6b3d;--seed:#0b5cad}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa5b1;--line:#30363d;--back:#0f1419;--best:#4cc38a;--mean:#e3a34f;--dot:#8b949e;--subject:#4cc38a;--seed:#69a9f0}}
body{margin:0 auto;max-width:960px;padding:24px 16px 64px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}
h1,p{overflow-wrap:anywhere}h1{font-size:1.5rem;margin:0 0 4px}h2{font-size:1.1rem;margin:32px 0 8px}p{margin:6px 0}
.soft,figcaption{color:var(--soft)}figure{margin:0;overflow-x:auto}figcaption{font-size:13px}
svg{width:100%;min-width:640px;height:auto;display:block}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:5px 12px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}th{font-weight:600;white-space:nowrap}
td.number,th.number{text-align:right;white-space:nowrap}code{font-size:12.5px;overflow-wrap:anywhere}td code{display:block;min-width:24rem}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.tick,.label{fill:var(--soft);font-size:12px}
.dot{fill:var(--dot);opacity:.35}.best,.mean,.edge{fill:none}.best{stroke:var(--best);stroke-width:2.5}.mean{stroke:var(--mean);stroke-width:2;stroke-dasharray:5 4}
.edge{stroke:var(--line);stroke-width:1.5}.node{fill:var(--dot)}circle.seed{fill:var(--seed)}circle.subject{fill:var(--subject)}
.interval{stroke-width:3}.interval.seed{stroke:var(--seed)}.interval.subject{stroke:var(--subject)}
.key{display:inline-block;width:18px;height:0;border-top:3px solid;vertical-align:middle;margin:0 6px 0 12px}
.key.best{border-color:var(--best)}.key.mean{border-color:var(--mean);border-top-style:dashed}
`

const score = (value: number | null): string => (value === null ? '–' : value.toFixed(4))

type Cell = string | { readonly number: string } | { readonly code: string }

function cell(value: Cell, tag: 'td' | 'th'): string {
  if (typeof value === 'string') return `<${tag}>${escapeHtml(value)}</${tag}>`
  if ('number' in value) return `<${tag} class="number">${escapeHtml(value.number)}</${tag}>`
  return `<${tag}><code>${escapeHtml(value.code)}</code></${tag}>`
}

const row = (cells: readonly Cell[], tag: 'td' | 'th'): string =>
  `<tr>${cells.map((value) => cell(value, tag)).join('')}</tr>`

const tableOf = (head: readonly Cell[], rows: readonly (readonly Cell[])[]): string =>
  `<div class="scroll" tabindex="0"><table><thead>${row(head, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>`

const figure = (chart: string | null, caption: string): string =>
  chart === null ? '' : `<figure>${chart}<figcaption>${caption}</figcaption></figure>`

const number = (text: string): Cell => ({ number: text })

function fitness({ generations }: ReportView): string {
  const chart = fitnessChart(generations)
  if (chart === null) return ''
  return `<h2>Scores by generation</h2>${figure(chart, '<span class="key best"></span>best so far<span class="key mean"></span>mean of a generation; dots are candidates')}`
}

function finalPart({ final }: ReportView): string {
  if (final === null) return ''
  const rows = final.rows.map(({ id, kind, name, mean, genome }): Cell[] => {
    const against = final.comparisons.find(({ seed }) => seed === id)
    return [
      id,
      name ?? kind,
      number(mean === null ? '–' : `${score(mean.value)} (${score(mean.low)}–${score(mean.high)})`),
      number(
        against === undefined
          ? ''
          : `${against.difference.value >= 0 ? '+' : ''}${score(against.difference.value)}`,
      ),
      number(against === undefined ? '' : `${against.better} / ${against.worse}`),
      number(
        against === undefined ? '' : against.adjustedP < 0.0001 ? '<0.0001' : against.adjustedP.toFixed(4),
      ),
      { code: JSON.stringify(genome) },
    ]
  })
  const verdict = final.comparisons.length === 0 ? 'Nobody could score the winner there' : verdictText(final)
  const test = final.comparisons[0]?.test === 'mcnemar' ? 'McNemar’s exact test' : 'a sign-flip test'
  return `<h2>Final comparison</h2><p>${escapeHtml(verdict)}. <span class="soft">${count(final.items)} items that neither selection nor the choice of the winner saw; p by ${test}, two-sided, after Holm’s correction for ${final.comparisons.length} comparisons.</span></p>${figure(finalChart(final), '')}${tableOf(['candidate', 'what', number('score (95% interval)'), number('winner gains'), number('items better / worse'), number('p'), 'genome'], rows)}`
}

function finalists({ finalists: rows, final }: ReportView): string {
  if (rows.length === 0) return ''
  return `<h2>Finalists</h2><p class="soft">The best of selection, told apart by items of their own before the final comparison.</p>${tableOf(
    ['candidate', number('selection'), number('validation (95% interval)'), ''],
    rows.map(({ id, selectionMean, validation }) => [
      id,
      number(score(selectionMean)),
      number(
        validation === null
          ? '–'
          : `${score(validation.value)} (${score(validation.low)}–${score(validation.high)})`,
      ),
      id === final?.winner ? 'winner' : '',
    ]),
  )}`
}

function lineage({ lineage: found }: ReportView): string {
  if (found === null) return ''
  const chart = lineageChart(found.nodes)
  if (chart === null) return ''
  return `<h2>Lineage of ${escapeHtml(found.id)}</h2>${figure(chart, 'Green: the candidate itself; blue: seeds; a line leads from each parent to its child.')}`
}

const SHOWN = 40

function candidates({ candidates: rows }: ReportView): string {
  if (rows.length === 0) return ''
  return `<h2>Best candidates</h2>${tableOf(
    ['candidate', number('score'), number('other objectives'), 'by', 'parents', 'genome'],
    rows.slice(0, SHOWN).map(({ id, mean, objectives, by, parents, genome }) => [
      id,
      number(score(mean)),
      number(
        objectives
          .slice(1)
          .map((value) => value.toPrecision(4))
          .join(', '),
      ),
      by,
      parents.join(', '),
      { code: JSON.stringify(genome) },
    ]),
  )}`
}

function peers({ peers: rows, lies }: ReportView): string {
  if (rows.length === 0) return ''
  const told = lies.map(
    ({ peer, kind, generation }) =>
      `<p>${escapeHtml(short(peer))} was caught lying (${escapeHtml(kind)}) in generation ${generation}.</p>`,
  )
  return `<h2>Who did what</h2>${tableOf(
    [
      'peer',
      number('scored'),
      number('busy'),
      number('energy'),
      number('bytes in'),
      number('bytes out'),
      number('by candidate'),
      '',
    ],
    rows.map((peer) => [
      peer.peer,
      number(count(peer.scored)),
      number(duration(peer.busyMs)),
      number(`${count(Math.round(peer.joules))} J`),
      number(bytes(peer.inBytes)),
      number(bytes(peer.outBytes)),
      number(peer.bytesPerCandidate === null ? '–' : `${Math.round(peer.bytesPerCandidate)} B`),
      peer.lies > 0 ? 'lied' : (peer.gone ?? ''),
    ]),
  )}<p class="soft">Bytes are those that the node which wrote this report has counted.</p>${told.join('')}`
}

export function reportPage(report: ReportView): string {
  const { name, run, kind, strategy, population, evaluations, elapsedMs, joules, seed, result, tip, height } =
    report
  const about = [
    `${kind} by ${strategy.name}, population ${population}, seed ${seed}`,
    `${count(evaluations)} candidates scored in ${elapsedMs === null ? 'no time yet' : duration(elapsedMs)}, ${count(Math.round(joules))} J as scorers tell it`,
    `${phaseText(report)}`,
  ]
  const winner =
    result === null
      ? ''
      : `<p>Result: ${result.cid === null ? 'no model; the genome is the result' : `<code>${escapeHtml(result.cid)}</code>`}</p><p><code>${escapeHtml(JSON.stringify(result.genome))}</code></p>`
  const body = [
    `<h1>${escapeHtml(name)}</h1>`,
    ...about.map((line) => `<p class="soft">${escapeHtml(line)}</p>`),
    winner,
    fitness(report),
    finalPart(report),
    finalists(report),
    lineage(report),
    candidates(report),
    peers(report),
    `<p class="soft">Run <code>${escapeHtml(run)}</code>, ledger of ${count(height)} blocks ending in <code>${escapeHtml(tip)}</code>.</p>`,
  ]
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>${escapeHtml(name)}: evolution</title><style>${STYLE}</style></head><body><main>${body.join('')}</main></body></html>`
}
