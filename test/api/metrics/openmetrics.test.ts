/** The page in OpenMetrics: who gets it, the checker, and promtool's own parser where it is at hand. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { Counter, Gauge, Registry } from 'prom-client'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  OPENMETRICS_MEDIA_TYPE,
  openMetricsText,
  wantsOpenMetrics,
} from '../../../node/api/metrics/openmetrics.ts'
import { METRICS } from '../../../node/api/metrics/table.ts'
import { startTestApi } from '../../helpers/api-server.ts'
import { lintExposition, readExposition } from '../../helpers/exposition-format.ts'
import { readOpenMetrics } from '../../helpers/openmetrics-format.ts'

/** What Prometheus 2.42 and 3 send. */
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.1'

test('who names OpenMetrics gets it, everybody else the text format', () => {
  for (const accept of [
    PROMETHEUS_2,
    PROMETHEUS_3,
    'application/openmetrics-text',
    'Application/OpenMetrics-Text; Version="1.0.0"',
    'text/plain;q=0.5, application/openmetrics-text;q=0.5',
  ])
    assert.ok(wantsOpenMetrics(accept), accept)
  for (const accept of [
    undefined,
    '',
    '*/*',
    'text/plain',
    'application/openmetrics-text;version=0.0.1',
    'application/openmetrics-text;q=0',
    'application/openmetrics-text;q=2',
    'application/openmetrics-text;q=0.1, text/plain',
    ['application/openmetrics-text'],
    `application/openmetrics-text,${'x'.repeat(2_000)}`,
  ])
    assert.not.ok(wantsOpenMetrics(accept), String(accept))
  fc.assert(fc.property(fc.string(), (accept) => assert.type(wantsOpenMetrics(accept), 'boolean')))
})

const PAGE = `# TYPE a counter
# HELP a How many.
a_total{x="1"} 2
# TYPE t_seconds histogram
# UNIT t_seconds seconds
# HELP t_seconds How long.
t_seconds_bucket{le="1.0"} 1
t_seconds_bucket{le="+Inf"} 1
t_seconds_sum 0.5
t_seconds_count 1
# EOF
`

test('the checker takes what keeps to the specification, and nothing else', () => {
  const read = readOpenMetrics(PAGE)
  assert.equal(read.faults, [])
  assert.is(read.families.get('a_total')?.type, 'counter')
  for (const [what, page] of Object.entries({
    'no end': PAGE.replace('# EOF\n', ''),
    'lines behind the end': `${PAGE}b 1\n`,
    'a counter without _total': PAGE.replace('a_total{', 'a{'),
    'a family with _total': PAGE.replaceAll(' a ', ' a_total '),
    'two families of one name': PAGE.replace('# EOF', '# TYPE a gauge\na 1\n# EOF'),
    'a unit that is not in the name': PAGE.replace('# UNIT t_seconds seconds', '# UNIT t_seconds bytes'),
    'a bound without a point': PAGE.replace('"1.0"', '"1"'),
    'an empty line': PAGE.replace('# TYPE t', '\n# TYPE t'),
    'a comment': PAGE.replace('# TYPE t', '# more\n# TYPE t'),
    'a type that is none': PAGE.replace('a counter', 'a untyped'),
  }))
    assert.ok(readOpenMetrics(page).faults.length > 0, what)
})

test('whatever help and labels hold, it is read as it was', () =>
  fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.double({ min: 0 }), async (given, value) => {
      const text = given.replaceAll('\r', '')
      const registry = new Registry()
      const help = `of ${text}`
      new Gauge({ name: 'x', help, labelNames: ['y'], registers: [registry] }).set({ y: text }, value)
      new Counter({ name: 'n_total', help, registers: [registry] }).inc(2)
      const { families, faults } = readOpenMetrics(openMetricsText(await registry.getMetricsAsJSON()))
      assert.equal(faults, [])
      const [sample] = families.get('x')!.samples
      assert.is(sample?.labels.y, text)
      assert.ok(Object.is(sample?.value, value) || sample?.value === value)
      assert.is(families.get('n_total')!.samples[0]?.value, 2)
    }),
    { numRuns: 200 },
  ))

test('the page of an API says in OpenMetrics what it says in the text format', async () => {
  const { ask, services, close } = await startTestApi()
  try {
    await services.villages.join('village1abc', { signal: new AbortController().signal })
    await ask('/api/v1/status')
    const answer = await ask('/metrics', { headers: { accept: PROMETHEUS_3 } })
    assert.is(answer.headers['content-type'], OPENMETRICS_MEDIA_TYPE)
    assert.is(answer.headers.vary, 'accept')
    const page = answer.bytes.toString()
    const open = readOpenMetrics(page)
    assert.equal(open.faults, [])
    assert.equal(lintExposition(open), [])
    const plain = readExposition((await ask('/metrics')).bytes.toString())
    assert.equal([...open.families.keys()].sort(), [...plain.families.keys()].sort())
    for (const { name, type, help } of METRICS) {
      assert.is(open.families.get(name)?.type, type, name)
      assert.is(open.families.get(name)?.help, help, name)
    }
    assert.is(open.families.get('village_log_lost_lines_total')?.samples[0]?.value, 3)
    checkWithPromtool(page)
  } finally {
    await close()
  }
})

/** Its parser of OpenMetrics is that of the server; it is made to read files of samples with times, which the page has not. */
function checkWithPromtool(page: string): void {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-openmetrics-'))
  try {
    const file = path.join(directory, 'page')
    writeFileSync(file, page.replace(/^([^#\n].*)$/gm, '$1 1700000000'))
    const words = ['tsdb', 'create-blocks-from', 'openmetrics', file, path.join(directory, 'blocks')]
    const found = spawnSync('promtool', words, { encoding: 'utf8' })
    if (found.error !== undefined) console.log('skipped: promtool is not installed')
    else assert.is(found.status, 0, `${found.stdout}${found.stderr}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test.run()
