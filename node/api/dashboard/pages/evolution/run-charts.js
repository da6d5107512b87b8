/** Charts of a run: scores by generation, and the front where there are two objectives. */
import { useMemo } from '../../lib/hooks.js'
import { Chart } from '../../parts/chart.js'
import { html } from '../../parts/html.js'
import { score } from './words.js'

/** Of values from the best to the worst, the one that a share of them is above. */
function quantile(descending, share) {
  if (descending.length === 0) return null
  const at = (descending.length - 1) * share
  const low = Math.floor(at)
  const next = descending[Math.min(low + 1, descending.length - 1)]
  return descending[low] + (at - low) * (next - descending[low])
}

/** The best of what there was before the run. */
const bestSeed = ({ candidates }) =>
  candidates.reduce(
    (best, { by, mean }) => (by === 'seed' && (best === null || mean > best) ? mean : best),
    null,
  )

export function FitnessChart({ report }) {
  const { x, series } = useMemo(() => {
    const rows = report.generations
    return {
      x: { label: 'Generation', values: rows.map(({ generation }) => generation + 1), integers: true },
      series: [
        { label: 'best so far', values: rows.map(({ bestSoFar }) => bestSoFar) },
        {
          label: 'median, with the middle half',
          dashed: true,
          values: rows.map(({ means }) => quantile(means, 0.5)),
          low: rows.map(({ means }) => quantile(means, 0.75)),
          high: rows.map(({ means }) => quantile(means, 0.25)),
        },
      ],
    }
  }, [report.generations])
  const before = bestSeed(report)
  return html`<${Chart} label="Scores by generation" x=${x} y=${{ label: 'mean score of the items' }} series=${series}
    marks=${before === null ? [] : [{ value: before, label: `best before: ${score(before)}` }]} height=${260}
    empty="The first generation has not ended yet." />`
}

/** Whether nothing else is at least as good in both and better in one. */
function isOnFront(candidate, all) {
  const [a, b] = candidate.objectives
  return !all.some(({ objectives: [c, d] }) => c >= a && d >= b && (c > a || d > b))
}

export function FrontChart({ report, words, onSelect }) {
  const { groups, series } = useMemo(() => {
    const all = report.candidates.filter(({ objectives }) => objectives.length > 1)
    const front = all.filter((candidate) => isOnFront(candidate, all))
    const found = [front, all.filter((candidate) => !front.includes(candidate))]
    const points = (rows) =>
      rows.map(({ id, objectives, genome }) => ({
        x: objectives[1],
        y: objectives[0],
        name: `${id}: ${words(genome)}`,
      }))
    return {
      groups: found,
      series: [
        { label: 'nothing is better in both', kind: 'points', points: points(found[0]) },
        { label: 'others', kind: 'points', tone: 5, points: points(found[1]) },
      ],
    }
  }, [report.candidates, words])
  const isSize = report.kind === 'compression'
  return html`<${Chart} label=${isSize ? 'Score by the share of bytes saved' : 'Two objectives'} series=${series} height=${280}
    x=${{ label: isSize ? 'share of the bytes saved' : 'second objective', format: (value) => (isSize ? `${(value * 100).toFixed(1)}%` : value.toPrecision(4)) }}
    y=${{ label: 'mean score of the items' }} onPick=${({ series: at, index }) => onSelect(groups[at][index].id)} />`
}
