/** The last part of a run: the winner against what there was before, on items that chose nothing. */
import { useMemo } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { count, counted, short } from '../../parts/format.js'
import { html } from '../../parts/html.js'
import { Section, Table } from '../../parts/widgets.js'
import { chance, interval, score, signed, testWords, verdictWords } from './words.js'

const VERDICTS = { better: 'better', worse: 'worse', 'not-told-apart': 'cannot be told apart' }

function DifferenceChart({ final }) {
  const { x, series } = useMemo(() => {
    const rows = final.comparisons
    const names = rows.map(({ seed }) => final.rows.find(({ id }) => id === seed)?.name ?? seed)
    return {
      x: {
        label: 'what there was before',
        values: rows.map((_, index) => index + 1),
        names,
        format: (value) => short(names[value - 1] ?? ''),
        integers: true,
      },
      series: [
        {
          label: 'gain of the winner, 95% interval',
          kind: 'points',
          values: rows.map(({ difference }) => difference.value),
          low: rows.map(({ difference }) => difference.low),
          high: rows.map(({ difference }) => difference.high),
        },
      ],
    }
  }, [final])
  return html`<${Chart} label="Gain of the winner over each seed" x=${x} y=${{ label: 'gain', zero: true }} series=${series}
    marks=${[{ value: 0, label: 'no difference' }]} height=${200} />`
}

export function Comparison({ report, words }) {
  const { final, finalists } = report
  const rows = final.rows.map(({ id, kind, name, mean, genome }) => {
    const against = final.comparisons.find(({ seed }) => seed === id)
    return {
      key: id,
      cells: [
        html`<span><strong>${kind === 'seed' ? (name ?? id) : `the winner, ${id}`}</strong> <small>${words(genome)}</small></span>`,
        interval(mean),
        against === undefined ? '' : signed(against.difference.value),
        against === undefined ? '' : `${count(against.better)} better, ${count(against.worse)} worse`,
        against === undefined ? '' : `${VERDICTS[against.verdict]} (p ${chance(against.adjustedP)})`,
      ],
    }
  })
  return html`<${Section} id="comparison" title="The winner against what there was before">
    <p><strong>${verdictWords(final)}</strong></p>
    <p class="soft">${counted(final.items, 'item')} that neither selection nor the choice of the winner saw; item by item, p by ${testWords(final.comparisons)}, two-sided, after Holm’s correction for ${final.comparisons.length} comparisons.</p>
    ${final.comparisons.length < 2 ? null : html`<${DifferenceChart} final=${final} />`}
    <${Table} label="Last comparison" head=${['Candidate', 'Score (95% interval)', 'The winner gains', 'Items', 'So the winner is']} rows=${rows} />
    ${
      finalists.length === 0
        ? null
        : html`<h3 class="below">Finalists</h3>
          <p class="soft">The best of selection; items of their own told them apart.</p>
          <${Table} label="Finalists" head=${['Candidate', 'Selection', 'Validation (95% interval)']}
            rows=${finalists.map(({ id, selectionMean, validation }) => ({
              key: id,
              cells: [
                id === final.winner ? html`<strong>${id}, the winner</strong>` : id,
                score(selectionMean),
                interval(validation),
              ],
            }))} />`
    }
  <//>`
}
