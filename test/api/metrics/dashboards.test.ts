/** docs/grafana and docs/prometheus against the metrics that there are: every name, every label. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Registry } from 'prom-client'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { registerProcessMetrics } from '../../../node/api/metrics/registry.ts'
import { METRICS } from '../../../node/api/metrics/table.ts'
import { legendLabels, referencesOf } from '../../helpers/metric-references.ts'

const DOCS = path.resolve(import.meta.dirname, '../../../docs')
const read = (file: string) => readFileSync(path.join(DOCS, file), 'utf8')
/** What Prometheus adds to everything that it scrapes. */
const TARGET_LABELS = ['job', 'instance']
const SUFFIXES = { histogram: ['_bucket', '_sum', '_count'], summary: ['', '_sum', '_count'] } as const

/** Series by name, with their labels. */
async function knownSeries(): Promise<Map<string, readonly string[]>> {
  const known = new Map<string, readonly string[]>([['up', []]])
  const registry = new Registry()
  registerProcessMetrics(registry)
  for (const { name } of await registry.getMetricsAsJSON()) known.set(name, [])
  registry.clear()
  for (const { name, type, labels } of METRICS) {
    const suffixes = type === 'histogram' || type === 'summary' ? SUFFIXES[type] : ['']
    for (const suffix of suffixes) {
      const own = suffix === '_bucket' ? ['le'] : type === 'summary' && suffix === '' ? ['quantile'] : []
      known.set(name + suffix, [...labels, ...own])
    }
  }
  return known
}

function checkExpression(known: ReadonlyMap<string, readonly string[]>, expression: string, shown: string) {
  const { metrics, grouped } = referencesOf(expression)
  assert.ok(metrics.length > 0, expression)
  const possible = new Set(TARGET_LABELS)
  for (const { name, labels } of metrics) {
    const series = known.get(name)
    assert.ok(series !== undefined, `${expression}: there is no ${name}`)
    for (const label of [...series]) possible.add(label)
    for (const label of labels)
      assert.ok([...series, ...TARGET_LABELS].includes(label), `${expression}: ${name} has no ${label}`)
  }
  for (const label of grouped) assert.ok(possible.has(label), `${expression}: nothing has ${label}`)
  const left = /\b(?:by|on)\b/.test(expression) ? new Set([...grouped, ...TARGET_LABELS]) : possible
  for (const label of legendLabels(shown)) assert.ok(left.has(label), `${shown}: ${label} is not left`)
}

test('references are read out of expressions', () => {
  assert.equal(
    referencesOf('histogram_quantile(0.95, sum by (le, kind) (rate(a_bucket{x=~"$y",z!="}"}[5m]))) > b / 2'),
    {
      metrics: [
        { name: 'a_bucket', labels: ['x', 'z'] },
        { name: 'b', labels: [] },
      ],
      grouped: ['le', 'kind'],
    },
  )
  assert.equal(legendLabels('{{a}} of {{ $labels.b }} {{ $value }}'), ['a', 'b'])
})

test('the dashboard shows what there is, on a data source that can be chosen', async () => {
  const known = await knownSeries()
  const { panels, templating, uid } = JSON.parse(read('grafana/aivillage.json'))
  assert.is(uid, 'aivillage')
  assert.equal(
    templating.list.map(({ name, type }: { name: string; type: string }) => [name, type]),
    [
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ],
  )
  const rows = panels.filter(({ type }: { type: string }) => type === 'row')
  assert.equal(
    rows.map(({ title }: { title: string }) => title),
    ['Node', 'Resources', 'Mesh', 'Jobs, models and runs', 'Knowledge', 'Agents'],
  )
  const cells = new Set<string>()
  const ids = new Set<number>()
  for (const { id, type, title, datasource, targets, gridPos } of panels) {
    assert.not.ok(ids.has(id), title)
    ids.add(id)
    const { x, y, w, h } = gridPos
    assert.ok(x >= 0 && x + w <= 24, title)
    for (let column = x; column < x + w; column++)
      for (let line = y; line < y + h; line++) {
        assert.not.ok(cells.has(`${column} ${line}`), `${title} lies on another`)
        cells.add(`${column} ${line}`)
      }
    if (type === 'row') continue
    assert.match(datasource.uid, /^\$\{datasource\}$/, title)
    for (const { expr, legendFormat, datasource: source } of targets) {
      assert.match(source.uid, /^\$\{datasource\}$/, title)
      checkExpression(known, expr, legendFormat)
    }
  }
})

test('the alerts watch what there is', async () => {
  const known = await knownSeries()
  const { groups } = parse(read('prometheus/alerts.yml'))
  const rules = groups.flatMap(({ rules }: { rules: unknown[] }) => rules)
  assert.ok(rules.length >= 5)
  for (const { alert, expr, labels, annotations } of rules) {
    assert.match(alert, /^Village[A-Z]/)
    assert.ok(['info', 'warning', 'critical'].includes(labels.severity), alert)
    for (const text of [annotations.summary, annotations.description]) checkExpression(known, expr, text)
  }
  const { scrape_configs: scrapes } = parse(read('prometheus/scrape.yml'))
  assert.is(scrapes[0].metrics_path, '/metrics')
  for (const [kind, file, ...more] of [
    ['rules', 'alerts.yml'],
    ['config', 'scrape.yml', '--syntax-only'],
  ]) {
    const found = spawnSync('promtool', ['check', kind!, ...more, path.join(DOCS, 'prometheus', file!)], {
      encoding: 'utf8',
    })
    if (found.error !== undefined) console.log('skipped: promtool is not installed')
    else assert.is(found.status, 0, `${found.stdout}${found.stderr}`)
  }
})

test.run()
