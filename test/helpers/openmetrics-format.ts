/**
 * What OpenMetrics 1.0.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/) asks for beyond the text format: the end, the order of the
 * lines of a family, names of counters and units. A page that keeps to it is read by the reader of the text format as well, once its
 * families have the names that they have there.
 */
import { type Exposition, readExposition } from './exposition-format.ts'

const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'info', 'stateset', 'gaugehistogram', 'unknown']
/** What the lines of a family may add to its name. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  summary: ['', '_sum', '_count', '_created'],
  unknown: [''],
}
const KEYWORDS = ['TYPE', 'UNIT', 'HELP']

export function readOpenMetrics(page: string): Exposition {
  const faults: string[] = []
  const text: string[] = []
  const units = new Map<string, string>()
  const types = new Map<string, string>()
  const met = new Set<string>()
  let current = { name: '', keywords: [] as string[], hasSamples: false }
  if (!page.endsWith('\n# EOF\n')) faults.push('the page does not end with # EOF')
  const lines = page
    .replace(/# EOF\n$/, '')
    .split('\n')
    .slice(0, -1)

  for (const line of lines) {
    const [, keyword, name = '', rest = ''] = /^# (\S+) (\S+) ?(.*)$/.exec(line) ?? []
    if (keyword !== undefined) {
      if (!KEYWORDS.includes(keyword)) faults.push(`${line}: a comment`)
      if (current.name !== name) {
        if (met.has(name)) faults.push(`${name}: two families of one name`)
        met.add(name)
        current = { name, keywords: [], hasSamples: false }
      }
      if (current.hasSamples) faults.push(`${name}: ${keyword} stands behind its samples`)
      if (current.keywords.includes(keyword)) faults.push(`${name}: two lines ${keyword}`)
      current.keywords.push(keyword)
      if (keyword === 'UNIT') units.set(name, rest)
      else if (keyword === 'TYPE') {
        if (!TYPES.includes(rest)) faults.push(`${name}: the type ${rest} is not known`)
        types.set(name, rest)
        text.push(`# TYPE ${name}${rest === 'counter' ? '_total' : ''} ${rest}`)
      } else
        text.push(
          `# HELP ${name}${types.get(name) === 'counter' ? '_total' : ''} ${rest.replaceAll('\\"', '"')}`,
        )
      continue
    }
    if (line.startsWith('#') || line.trim() === '') {
      faults.push(`${line}: neither a family nor a sample`)
      continue
    }
    const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0] ?? ''
    const suffixes = SUFFIXES[types.get(current.name) ?? 'unknown'] ?? ['']
    if (!suffixes.some((suffix) => sample === current.name + suffix))
      faults.push(`${sample}: is no line of ${current.name}`)
    current.hasSamples = true
    // Bounds of a histogram are numbers with a point.
    const bound = /[{,](?:le|quantile)="([^"]*)"/.exec(line)?.[1]
    if (bound !== undefined && !/^(\+Inf|-?\d+\.\d+(e[+-]?\d+)?)$/.test(bound))
      faults.push(`${sample}: the bound ${bound} is not written as others write it`)
    text.push(line)
  }
  for (const [name, unit] of units)
    if (!name.endsWith(`_${unit}`)) faults.push(`${name}: its unit is ${unit}, and not in its name`)
  const read = readExposition(text.map((line) => `${line}\n`).join(''))
  return { families: read.families, faults: [...faults, ...read.faults] }
}
