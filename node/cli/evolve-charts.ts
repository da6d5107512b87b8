/** Charts of a report as SVG, drawn without any library: nothing in the page makes a request. Colours are those of its style sheet. */
import { escapeHtml, niceTicks, tickDecimals } from './chart-scale.ts'
import type { FinalView, GenerationView, LineageView } from './evolve-view.ts'

const WIDTH = 880
const HEIGHT = 320
const MARGIN = { left: 64, right: 18, top: 14, bottom: 42 }

const round = (value: number): string => value.toFixed(1)

interface Scale {
  (value: number): number
  readonly ticks: readonly number[]
}

function scale(low: number, high: number, from: number, to: number, count: number): Scale {
  const span = high > low ? high - low : 1
  const map = (value: number) => from + ((value - low) / span) * (to - from)
  return Object.assign(map, { ticks: niceTicks(low, low + span, count) })
}

/** A range with some room around it. */
function padded(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = high > low ? (high - low) * 0.06 : 0.01
  return [low - room, high + room]
}

function axes(x: Scale, y: Scale, labels: { x: string; y: string }, height: number): string {
  const right = WIDTH - MARGIN.right
  const bottom = height - MARGIN.bottom
  const places = tickDecimals(y.ticks)
  const rows = y.ticks.map((tick) => {
    const at = round(y(tick))
    return `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${at}" y2="${at}"/><text class="tick" x="${MARGIN.left - 8}" y="${at}" text-anchor="end" dominant-baseline="middle">${tick.toFixed(places)}</text>`
  })
  const columns = x.ticks
    .filter(Number.isInteger)
    .map(
      (tick) =>
        `<text class="tick" x="${round(x(tick))}" y="${bottom + 18}" text-anchor="middle">${tick}</text>`,
    )
  return `${rows.join('')}${columns.join('')}<line class="axis" x1="${MARGIN.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/><text class="label" x="${(MARGIN.left + right) / 2}" y="${height - 6}" text-anchor="middle">${labels.x}</text><text class="label" transform="translate(14 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${labels.y}</text>`
}

const svg = (title: string, height: number, body: string): string =>
  `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(title)}"><title>${escapeHtml(title)}</title>${body}</svg>`

const path = (points: readonly (readonly [number, number])[]): string =>
  points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('')

/** Most dots of candidates: beyond this each generation shows its best, worst and an even choice between them. */
const MAX_DOTS = 4_000

function thinned(means: readonly number[], most: number): readonly number[] {
  if (means.length <= most) return means
  return Array.from(
    { length: most },
    (_, index) => means[Math.round((index * (means.length - 1)) / (most - 1))]!,
  )
}

/** Every candidate, the mean of each generation, and the best so far. Null before anything was scored. */
export function fitnessChart(generations: readonly GenerationView[]): string | null {
  const scored = generations.filter(
    ({ best, mean, bestSoFar }) => best !== null && mean !== null && bestSoFar !== null,
  )
  if (scored.length === 0) return null
  const most = Math.max(2, Math.floor(MAX_DOTS / scored.length))
  const dots = scored.flatMap(({ generation, means }) =>
    thinned(means, most).map((mean) => [generation, mean] as const),
  )
  const [low, high] = padded(dots.map(([, mean]) => mean))
  const last = scored.at(-1)!.generation
  const x = scale(0, Math.max(1, last), MARGIN.left + 12, WIDTH - MARGIN.right - 8, 12)
  const y = scale(low, high, HEIGHT - MARGIN.bottom, MARGIN.top, 6)
  const lineOf = (value: (row: GenerationView) => number) =>
    path(scored.map((row) => [x(row.generation), y(value(row))]))
  return svg(
    'Scores by generation',
    HEIGHT,
    [
      axes(x, y, { x: 'generation', y: 'mean score' }, HEIGHT),
      ...dots.map(
        ([generation, mean]) =>
          `<circle class="dot" cx="${round(x(generation))}" cy="${round(y(mean))}" r="2.5"/>`,
      ),
      `<path class="mean" d="${lineOf((row) => row.mean!)}"/>`,
      `<path class="best" d="${lineOf((row) => row.bestSoFar!)}"/>`,
    ].join(''),
  )
}

/** Ancestors by generation and score, with a line from each to its parents. Null where nothing has a score. */
export function lineageChart(nodes: readonly LineageView[]): string | null {
  const scored = nodes.filter((node): node is LineageView & { mean: number } => node.mean !== null)
  if (scored.length === 0) return null
  const [low, high] = padded(scored.map(({ mean }) => mean))
  const last = Math.max(1, ...scored.map(({ generation }) => generation))
  const x = scale(0, last, MARGIN.left + 12, WIDTH - MARGIN.right - 8, 12)
  const y = scale(low, high, HEIGHT - MARGIN.bottom, MARGIN.top, 6)
  const at = new Map(scored.map((node) => [node.id, [x(node.generation), y(node.mean)] as const]))
  const edges = scored.flatMap(({ id, parents }) =>
    parents.flatMap((parent) => {
      const [to, from] = [at.get(id)!, at.get(parent)]
      return from === undefined ? [] : [`<path class="edge" d="${path([from, to])}"/>`]
    }),
  )
  const circles = scored.map(({ id, by, mean }, index) => {
    const [cx, cy] = at.get(id)!
    const kind = index === 0 ? 'subject' : by === 'seed' ? 'seed' : 'node'
    return `<circle class="${kind}" cx="${round(cx)}" cy="${round(cy)}" r="${index === 0 ? 6 : 4}"><title>${escapeHtml(`${id}, ${by}, ${mean.toFixed(4)}`)}</title></circle>`
  })
  return svg(
    'Lineage',
    HEIGHT,
    [axes(x, y, { x: 'generation', y: 'mean score' }, HEIGHT), ...edges, ...circles].join(''),
  )
}

const ROW = 26

/** The winner and every seed with their intervals. Null before the final comparison. */
export function finalChart({ rows, winner }: FinalView): string | null {
  const scored = rows.flatMap((row) => (row.mean === null ? [] : [{ ...row, mean: row.mean }]))
  if (scored.length === 0) return null
  const height = MARGIN.top + MARGIN.bottom + ROW * scored.length
  const [low, high] = padded(scored.flatMap(({ mean }) => [mean.low, mean.high]))
  const left = 210
  const x = scale(low, high, left, WIDTH - MARGIN.right - 8, 8)
  const places = tickDecimals(x.ticks)
  const bottom = height - MARGIN.bottom
  const columns = x.ticks.map(
    (tick) =>
      `<line class="grid" x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${MARGIN.top}" y2="${bottom}"/><text class="tick" x="${round(x(tick))}" y="${bottom + 18}" text-anchor="middle">${tick.toFixed(places)}</text>`,
  )
  const bars = scored.map(({ id, name, mean }, index) => {
    const y = MARGIN.top + ROW * (index + 0.5)
    const kind = id === winner ? 'subject' : 'seed'
    return `<text class="tick" x="${left - 12}" y="${round(y)}" text-anchor="end" dominant-baseline="middle">${escapeHtml(name ?? id)}</text><line class="interval ${kind}" x1="${round(x(mean.low))}" x2="${round(x(mean.high))}" y1="${round(y)}" y2="${round(y)}"/><circle class="${kind}" cx="${round(x(mean.value))}" cy="${round(y)}" r="5"/>`
  })
  return svg(
    'Final comparison',
    height,
    [
      ...columns,
      ...bars,
      `<text class="label" x="${(left + WIDTH) / 2}" y="${height - 6}" text-anchor="middle">score on the final items, 95% interval</text>`,
    ].join(''),
  )
}
