/** The checker of the text format, and the metrics of a running API against it, promtool's own where it is at hand. */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { Gauge, Registry } from 'prom-client'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { METRICS } from '../../../node/api/metrics/table.ts'
import { startTestApi } from '../../helpers/api-server.ts'
import { lintExposition, readExposition } from '../../helpers/exposition-format.ts'

const HISTOGRAM = `# HELP t_seconds How long.
# TYPE t_seconds histogram
t_seconds_bucket{le="0.1"} 1
t_seconds_bucket{le="+Inf"} 3
t_seconds_sum 4
t_seconds_count 3
`

test('a page that keeps to the format has no fault', () => {
  const text = `${HISTOGRAM}
# HELP a_total All "of" \\\\ it\\nand more.
# TYPE a_total counter
a_total{x="1",y="a\\"b\\\\c\\nd"} 1e3
a_total{x="2",y=""} +Inf
# a comment
`
  const read = readExposition(text)
  assert.equal(read.faults, [])
  assert.equal(lintExposition(read), [])
  assert.is(read.families.get('a_total')?.help, 'All "of" \\ it\nand more.')
  assert.equal(read.families.get('a_total')?.samples[0], {
    name: 'a_total',
    labels: { x: '1', y: 'a"b\\c\nd' },
    value: 1000,
  })
})

const FAULTY: Readonly<Record<string, string>> = {
  'no end of line': 'a 1',
  'no number': 'a x\n',
  'hexadecimal number': 'a 0x10\n',
  'value missing': 'a\n',
  'two samples of one series': 'a{x="1",y="2"} 1\na{y="2",x="1"} 2\n',
  'a label twice': 'a{x="1",x="2"} 1\n',
  'a label without quotes': 'a{x=1} 1\n',
  'an escape that is none': 'a{x="\\t"} 1\n',
  'a label that begins with a digit': 'a{1x="1"} 1\n',
  'type behind the samples': 'a 1\n# TYPE a gauge\n',
  'two types': '# TYPE a gauge\n# TYPE a gauge\na 1\n',
  'a type that is none': '# TYPE a counters\na 1\n',
  'lines that are not together': 'a{x="1"} 1\nb 1\na{x="2"} 1\n',
  'a timestamp': 'a 1 1700000000000\n',
  'a negative counter': '# TYPE a_total counter\na_total -1\n',
  'buckets that fall': HISTOGRAM.replace('"0.1"} 1', '"0.1"} 4'),
  'bounds that fall': HISTOGRAM.replace('"+Inf"} 3', '"0.05"} 3'),
  'no last bucket': HISTOGRAM.replace('t_seconds_bucket{le="+Inf"} 3\n', ''),
  'a count of its own': HISTOGRAM.replace('count 3', 'count 2'),
  'no sum': HISTOGRAM.replace('t_seconds_sum 4\n', ''),
  'a quantile beyond 1': '# TYPE s summary\ns{quantile="99"} 1\ns_sum 1\ns_count 1\n',
  'a summary without a count': '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 1\n',
}
for (const [what, text] of Object.entries(FAULTY))
  test(`a fault: ${what}`, () => assert.ok(readExposition(text).faults.length > 0))

const ODD_NAMES: Readonly<Record<string, string>> = {
  'no help': '# TYPE a gauge\na 1\n',
  'a counter without _total': '# HELP a x\n# TYPE a counter\na 1\n',
  'a gauge with _total': '# HELP a_total x\n# TYPE a_total gauge\na_total 1\n',
  milliseconds: '# HELP a_ms x\n# TYPE a_ms gauge\na_ms 1\n',
  'camel case': '# HELP aB x\n# TYPE aB gauge\naB 1\n',
  'the type in the name': '# HELP a_gauge x\n# TYPE a_gauge gauge\na_gauge 1\n',
  'quantile of a gauge': '# HELP a x\n# TYPE a gauge\na{quantile="0.5"} 1\n',
}
for (const [what, text] of Object.entries(ODD_NAMES))
  test(`a remark: ${what}`, () => {
    const read = readExposition(text)
    assert.equal(read.faults, [])
    assert.is(lintExposition(read).length, 1)
  })

test('whatever a label holds, what the library writes is read as it was', () =>
  fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.double(), async (text, value) => {
      const registry = new Registry()
      const gauge = new Gauge({ name: 'x', help: `of ${text}`, labelNames: ['y'], registers: [registry] })
      gauge.set({ y: text.replaceAll('\r', '') }, value)
      const { families } = readExposition((await registry.metrics()).replaceAll('\r', ''))
      const sample = families.get('x')?.samples[0]
      assert.is(sample?.labels.y, text.replaceAll('\r', ''))
      assert.ok(Object.is(sample?.value, value) || sample?.value === value)
    }),
    { numRuns: 200 },
  ))

test('rows are what the conventions ask for', () => {
  const names = METRICS.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  for (const { name, help, labels } of METRICS) {
    assert.match(name, /^village_[a-z0-9_]+$/)
    assert.match(help, /^[A-Z].*\.$/, name)
    assert.ok(labels.length <= 2 || name === 'village_build_info', name)
  }
})

test('the metrics of an API under load keep to the format', async () => {
  const { ask, services, close } = await startTestApi()
  try {
    await services.villages.join('village1abc', { signal: new AbortController().signal })
    await services.jobs.submit({ kind: 'compress', params: {} })
    await Promise.all(Array.from({ length: 40 }, () => ask('/api/v1/status')))
    await ask('/api/v1/nothing-of-the-kind')
    await ask('/api/v1/status', { token: null })
    const answer = await ask('/metrics')
    assert.is(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    const text = answer.bytes.toString()
    const read = readExposition(text)
    assert.equal(read.faults, [])
    assert.equal(lintExposition(read), [])
    for (const { name, type, labels } of METRICS) {
      const family = read.families.get(name)
      assert.is(family?.type, type, name)
      const known = new Set([...labels, 'le', 'quantile'])
      for (const sample of family!.samples)
        for (const label of Object.keys(sample.labels)) assert.ok(known.has(label), `${name} ${label}`)
    }
    const answered = read.families
      .get('village_http_request_duration_seconds')
      ?.samples.find(({ name, labels }) => name.endsWith('_count') && labels.route === '/api/v1/status')
    assert.is(answered?.value, 41)
    assert.not.match(text, 'nothing-of-the-kind')
    const found = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    if (found.error !== undefined) console.log('skipped: promtool is not installed')
    else assert.is(found.status, 0, `${found.stdout}${found.stderr}`)
  } finally {
    await close()
  }
})

test.run()
