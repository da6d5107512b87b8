/** The report of a run as a page: safe with whatever members called things, whole by itself, and readable on a narrow screen. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { niceTicks } from '../../node/cli/chart-scale.ts'
import { fitnessChart, lineageChart } from '../../node/cli/evolve-charts.ts'
import { reportPage } from '../../node/cli/evolve-html.ts'
import { generationLine, phaseText, reportText } from '../../node/cli/evolve-text.ts'
import type { ReportView } from '../../node/cli/evolve-view.ts'
import { evolveReport, reportInput } from '../../node/federated/evolve/report.ts'
import { executablePath } from '../helpers/dashboard-page.ts'
import { joinOf, paperRun, peersNamed, toySpec } from '../helpers/paper-run.ts'

const test = suite('the page of a run')

const HOSTILE = '<img src="https://example.org/x" onerror=alert(1)>&'

function made(name: string): ReportView {
  const peers = peersNamed(3)
  const run = paperRun(toySpec({ name, minimum: 3, population: 6, limits: { generations: 5 } }))
  run.block(peers.map((peer) => joinOf(peer)))
  run.play()
  return JSON.parse(JSON.stringify(evolveReport(reportInput(run.rules, run.state, {})))) as ReportView
}

test('names of others are text, and nothing is fetched', () => {
  const html = reportPage(made(HOSTILE))
  assert.not.match(html, /<img|<script|<link|url\(|@import/)
  assert.match(html, /&#60;img src=&#34;https/)
  assert.match(html, /default-src 'none'/)
  for (const heading of [
    'Scores by generation',
    'Final comparison',
    'Finalists',
    'Lineage of',
    'Who did what',
  ])
    assert.ok(html.includes(`<h2>${heading}`), heading)
})

test('a run without any score has a page and a text without charts', () => {
  const run = paperRun(toySpec({ minimum: 3 }))
  const report = JSON.parse(JSON.stringify(evolveReport(reportInput(run.rules, run.state, {})))) as ReportView
  assert.not.match(reportPage(report), /<svg/)
  assert.match(reportText(report), /not begun/)
  assert.is(fitnessChart([]), null)
  assert.is(lineageChart([]), null)
})

test('one generation, and equal scores, are drawn with finite numbers', () => {
  const row = { generation: 0, best: 0.5, bestId: '0.0', bestSoFar: 0.5, mean: 0.5, means: [0.5, 0.5] }
  const chart = fitnessChart([
    { ...row, candidates: 2, evaluations: 2, stages: 1, elapsedMs: 1, joules: 0, busyMs: 0 },
  ])
  assert.ok(chart !== null)
  assert.not.match(chart, /NaN|Infinity|undefined/)
})

test('what a run is at, in words', () => {
  const plain = { endReason: null, stopped: null }
  assert.is(phaseText({ ...plain, phase: 'commit' }), 'commit')
  const stopped = { limit: 'plateau', allowed: 3, reached: 3 }
  assert.is(
    phaseText({ phase: 'published', endReason: null, stopped }),
    'published (3 generations brought nothing better)',
  )
  assert.match(phaseText({ phase: 'ended', endReason: 'no-gain', stopped: null }), /no candidate was better/)
  const [first, second] = made('x').generations
  assert.match(
    generationLine(second!, first),
    /^generation 1: best 0\.\d{4}( \(\+0\.\d{4}\))?, mean 0\.\d{4}, /,
  )
})

test('ticks are round numbers within the range', () => {
  assert.equal(
    niceTicks(0, 1, 5).map((tick) => Number(tick.toFixed(9))),
    [0, 0.2, 0.4, 0.6, 0.8, 1],
  )
  assert.equal(niceTicks(3, 17, 4), [5, 10, 15])
})

test('in a browser: nothing on the console, no request, no sideways scrolling', async () => {
  if (executablePath === undefined) {
    console.log('skipped: no Chromium')
    return
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'village-page-'))
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const file = path.join(directory, 'report.html')
    await writeFile(file, reportPage(made(HOSTILE)))
    const page = await browser.newPage({ viewport: { width: 360, height: 800 } })
    const noted: string[] = []
    page.on('console', (message) => noted.push(message.text()))
    page.on('pageerror', (error) => noted.push(error.message))
    page.on('request', (request) => noted.push(request.url()))
    await page.goto(pathToFileURL(file).href)
    assert.equal(noted, [pathToFileURL(file).href])
    const [wide, shown] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ])
    assert.is(wide, shown)
    assert.is(await page.locator('svg').count(), 3)
  } finally {
    await browser.close()
    await rm(directory, { recursive: true, force: true })
  }
})

test.run()
