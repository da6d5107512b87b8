/**
 * A reader of the Prometheus text format, version 0.0.4, written from its specification
 * (https://prometheus.io/docs/instrumenting/exposition_formats/), and the rules of naming that `promtool check metrics` knows. It shares
 * no code with what writes the format.
 */

export interface ExposedSample {
  /** With the suffix, such as `_bucket`. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string | null
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'
  readonly samples: readonly ExposedSample[]
}

export interface Exposition {
  readonly families: ReadonlyMap<string, Family>
  /** Breaches of the format: a scraper may refuse the page. */
  readonly faults: readonly string[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'] as const
const VALUE = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

function numberOf(text: string): number | null {
  if (/^\+?Inf$/i.test(text)) return Number.POSITIVE_INFINITY
  if (/^-Inf$/i.test(text)) return Number.NEGATIVE_INFINITY
  if (/^NaN$/i.test(text)) return Number.NaN
  return VALUE.test(text) ? Number(text) : null
}

/** HELP knows `\\` and `\n`; label values know `\"` as well. */
function unescaped(text: string, known: string): string | null {
  let out = ''
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      out += text[at]
      continue
    }
    const next = text[++at]
    if (next === undefined || !known.includes(next)) return null
    out += next === 'n' ? '\n' : next
  }
  return out
}

/** `name{a="b",} value timestamp`; a string says what is wrong. */
function parseSample(line: string): (ExposedSample & { timestamp: boolean }) | string {
  const head = /^([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*/.exec(line)
  if (head === null) return 'no metric name'
  let rest = line.slice(head[0].length)
  const labels: Record<string, string> = {}
  if (rest.startsWith('{')) {
    rest = rest.slice(1).trimStart()
    while (!rest.startsWith('}')) {
      const pair = /^([^=\s]+)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*/.exec(rest)
      if (pair === null) return 'a label is malformed'
      const [whole, name, escaped] = pair
      if (!LABEL.test(name!)) return `the label ${name} has no valid name`
      if (Object.hasOwn(labels, name!)) return `the label ${name} occurs twice`
      const value = unescaped(escaped!, '\\"n')
      if (value === null) return `the label ${name} is escaped wrongly`
      labels[name!] = value
      rest = rest.slice(whole.length)
      if (rest.startsWith(',')) rest = rest.slice(1).trimStart()
      else if (!rest.startsWith('}')) return 'labels are not parted by commas'
    }
    rest = rest.slice(1)
  }
  const [value = '', timestamp, ...more] = rest.trim().split(/[ \t]+/)
  const number = numberOf(value)
  if (number === null) return `the value ${value} is no number`
  if (timestamp !== undefined && !/^-?\d+$/.test(timestamp)) return 'the timestamp is not in milliseconds'
  if (more.length > 0) return 'there is more behind the timestamp'
  return { name: head[1]!, labels, value: number, timestamp: timestamp !== undefined }
}

/** The family of a sample: histograms and summaries have suffixes. */
function familyName(sample: string, types: ReadonlyMap<string, string>): string {
  const base = sample.replace(/_(bucket|sum|count)$/, '')
  const type = types.get(base)
  if (base === sample || type === undefined) return sample
  const isBucket = sample.endsWith('_bucket')
  return type === 'histogram' || (type === 'summary' && !isBucket) ? base : sample
}

const labelKey = (labels: Readonly<Record<string, string>>, without: readonly string[] = []) =>
  JSON.stringify(
    Object.entries(labels)
      .filter(([name]) => !without.includes(name))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )

function histogramFaults({ name, samples }: Family): string[] {
  const faults: string[] = []
  const groups = Map.groupBy(samples, ({ labels }) => labelKey(labels, ['le']))
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => numberOf(labels.le ?? '') ?? Number.NaN)
    const count = group.find((sample) => sample.name === `${name}_count`)?.value
    if (bounds.some(Number.isNaN)) faults.push(`${name}: a bucket has no bound`)
    if (bounds.some((bound, at) => at > 0 && bound <= bounds[at - 1]!))
      faults.push(`${name}: bounds do not rise`)
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) faults.push(`${name}: the last bucket is not +Inf`)
    if (buckets.some(({ value }, at) => at > 0 && value < buckets[at - 1]!.value))
      faults.push(`${name}: buckets are not cumulative`)
    if (count === undefined || buckets.at(-1)?.value !== count)
      faults.push(`${name}: the count is not that of the last bucket`)
    if (group.every((sample) => sample.name !== `${name}_sum`)) faults.push(`${name}: there is no sum`)
  }
  return faults
}

function summaryFaults({ name, samples }: Family): string[] {
  const faults: string[] = []
  for (const group of Map.groupBy(samples, ({ labels }) => labelKey(labels, ['quantile'])).values()) {
    const quantiles = group.flatMap((sample) =>
      sample.name === name ? [Number(sample.labels.quantile ?? Number.NaN)] : [],
    )
    if (quantiles.some((quantile) => !(quantile >= 0 && quantile <= 1)))
      faults.push(`${name}: a quantile is not within 0 and 1`)
    for (const suffix of ['_sum', '_count'])
      if (group.every((sample) => sample.name !== name + suffix)) faults.push(`${name}: no ${suffix}`)
  }
  return faults
}

export function readExposition(text: string): Exposition {
  const faults: string[] = []
  const types = new Map<string, string>()
  const helps = new Map<string, string>()
  const samples = new Map<string, ExposedSample[]>()
  const seen = new Set<string>()
  let current: string | null = null
  if (text !== '' && !text.endsWith('\n')) faults.push('the last line does not end')
  if (text.includes('\r')) faults.push('lines end with a carriage return')

  /** All lines of a metric must be one group. */
  function enter(family: string): void {
    if (family === current) return
    if (samples.has(family)) faults.push(`${family}: its lines are not together`)
    current = family
  }

  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const comment = /^#[ \t]+(HELP|TYPE)[ \t]+(\S+)(?:[ \t]+(.*))?$/.exec(line)
    if (comment !== null) {
      const [, kind, name, rest = ''] = comment
      if (!NAME.test(name!)) faults.push(`${name}: no valid name`)
      enter(name!)
      if (samples.has(name!)) faults.push(`${name}: ${kind} stands behind its samples`)
      if (kind === 'HELP') {
        if (helps.has(name!)) faults.push(`${name}: two HELP lines`)
        const help = unescaped(rest, '\\n')
        if (help === null) faults.push(`${name}: HELP is escaped wrongly`)
        helps.set(name!, help ?? rest)
      } else {
        if (types.has(name!)) faults.push(`${name}: two TYPE lines`)
        if (!TYPES.includes(rest as Family['type'])) faults.push(`${name}: the type ${rest} is not known`)
        types.set(name!, rest)
      }
      continue
    }
    if (line.startsWith('#')) continue
    const sample = parseSample(line)
    if (typeof sample === 'string') {
      faults.push(`${line.slice(0, 80)}: ${sample}`)
      continue
    }
    const { timestamp, ...kept } = sample
    // Allowed, but a target that is read directly has no business with them.
    if (timestamp) faults.push(`${sample.name}: has a timestamp`)
    const family = familyName(sample.name, types)
    enter(family)
    const key = `${sample.name}${labelKey(sample.labels)}`
    if (seen.has(key)) faults.push(`${key}: occurs twice`)
    seen.add(key)
    samples.set(family, [...(samples.get(family) ?? []), kept])
  }

  const families = new Map<string, Family>()
  for (const name of new Set([...helps.keys(), ...types.keys(), ...samples.keys()])) {
    const type = (types.get(name) ?? 'untyped') as Family['type']
    const family = { name, help: helps.get(name) ?? null, type, samples: samples.get(name) ?? [] }
    families.set(name, family)
    if (type === 'histogram') faults.push(...histogramFaults(family))
    if (type === 'summary') faults.push(...summaryFaults(family))
    if (type === 'counter' && family.samples.some(({ value }) => !(value >= 0)))
      faults.push(`${name}: a counter is negative`)
  }
  return { families, faults }
}

const NO_BASE_UNITS =
  /_(milliseconds|microseconds|nanoseconds|minutes|hours|days|weeks|kilobytes|megabytes|gigabytes|kibibytes|mebibytes|gibibytes|bits|percent|fahrenheit|kelvin|ms|us|ns|secs|sec|mins|kb|mb|gb|mib|gib)(_|$)/

/** What `promtool check metrics` would remark, and that every metric says what it means. */
export function lintExposition({ families }: Exposition): string[] {
  const remarks: string[] = []
  for (const { name, help, type, samples } of families.values()) {
    const say = (what: string) => remarks.push(`${name}: ${what}`)
    if (help === null || help.trim() === '') say('has no help')
    if (type === 'untyped') say('has no type')
    if (type === 'counter' && !name.endsWith('_total')) say('a counter ends with _total')
    if (type !== 'counter' && name.endsWith('_total')) say('only a counter ends with _total')
    if (type !== 'histogram' && type !== 'summary' && /_(count|sum|bucket)$/.test(name))
      say('has the suffix of a histogram')
    if (/(^|_)(counter|gauge|histogram|summary)(_|$)/.test(name)) say('has its type in its name')
    if (name.includes(':')) say('colons are for recording rules')
    if (/[A-Z]/.test(name)) say('is not in snake case')
    if (NO_BASE_UNITS.test(name)) say('is not in a base unit')
    for (const { labels } of samples)
      for (const label of Object.keys(labels)) {
        if (label === 'le' && type !== 'histogram') say('le is for histograms')
        if (label === 'quantile' && type !== 'summary') say('quantile is for summaries')
        if (/[A-Z]/.test(label)) say(`the label ${label} is not in snake case`)
        if (label.startsWith('__')) say(`the label ${label} is reserved`)
      }
  }
  return [...new Set(remarks)]
}
