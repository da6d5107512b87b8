/**
 * The metrics in OpenMetrics 1.0.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), for scrapers that ask for it. Written here:
 * prom-client would add a second `_total` to names that have it, and knows no units.
 */
import type { MetricObjectWithValues, MetricValue } from 'prom-client'

export const OPENMETRICS_MEDIA_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

type Family = MetricObjectWithValues<MetricValue<string>>
/** prom-client's type of a value has no name for the lines of a histogram, though they have one. */
type Line = MetricValue<string> & { readonly metricName?: string }

const UNITS = ['seconds', 'bytes', 'ratio', 'celsius']

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return String(value)
}

/** Bounds and quantiles are written as numbers with a point, so that two programs write one bound alike. */
function boundText(text: string): string {
  const value = Number(text)
  return Number.isInteger(value) ? value.toFixed(1) : text
}

function labelText(type: string, labels: Readonly<Record<string, unknown>>): string {
  const bound = type === 'histogram' ? 'le' : type === 'summary' ? 'quantile' : null
  const pairs = Object.entries(labels).map(([name, value]) => {
    const text = String(value)
    return `${name}="${escaped(name === bound ? boundText(text) : text)}"`
  })
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** A counter's family has no `_total`, its lines have. */
function familyText({ name: given, help, values, ...family }: Family): string {
  const type = String(family.type)
  const isCounter = type === 'counter'
  const name = isCounter ? given.replace(/_total$/, '') : given
  const unit = UNITS.find((one) => name.endsWith(`_${one}`))
  const lines = (values as readonly Line[]).map(
    ({ metricName, labels, value }) =>
      `${isCounter ? `${name}_total` : (metricName ?? name)}${labelText(type, labels)} ${numberText(value)}`,
  )
  return [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
    ...lines,
  ].join('\n')
}

/** The page, with its end. Families must differ in their names without `_total`. */
export const openMetricsText = (families: readonly Family[]): string =>
  `${families.map(familyText).join('\n')}\n# EOF\n`

interface Range {
  readonly type: string
  readonly version: string | null
  readonly quality: number
}

/** RFC 9110, section 12.5.1; what makes no sense is passed over. */
function readAccept(header: string): Range[] {
  return header.split(',').flatMap((part) => {
    const [type = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
    const parameter = (name: string) =>
      parameters
        .find((one) => one.startsWith(`${name}=`))
        ?.slice(name.length + 1)
        .replaceAll('"', '') ?? null
    const quality = Number(parameter('q') ?? 1)
    return quality >= 0 && quality <= 1 ? [{ type, version: parameter('version'), quality }] : []
  })
}

const MAX_ACCEPT_UNITS = 1_024

/** Whether who asks names OpenMetrics 1.0.0 and would not rather have the text format. */
export function wantsOpenMetrics(accept: string | readonly string[] | undefined): boolean {
  if (typeof accept !== 'string' || accept.length > MAX_ACCEPT_UNITS) return false
  const ranges = readAccept(accept)
  const best = (fits: (range: Range) => boolean) =>
    Math.max(0, ...ranges.filter(fits).map(({ quality }) => quality))
  const open = best(
    ({ type, version }) =>
      type === 'application/openmetrics-text' && (version === null || version === '1.0.0'),
  )
  return open > 0 && open >= best(({ type }) => type === 'text/plain')
}
