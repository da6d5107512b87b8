/**
 * The dashboard in a real Chromium over a real daemon with a village, 20 models and 50 jobs: how soon something is painted, and
 * shows what is; and whether the page stays responsive, and its memory flat, while 10,000 events a minute come in.
 * VILLAGE_BENCH_SECONDS: how long they come (180 without it), at that very rate.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core'
import { NODE_ENVIRONMENT, NODE_FLAGS, nodeBinary } from '../run.js'
import type { Bench, BenchContext } from './bench.ts'

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const NODE = fileURLToPath(new URL('dashboard-node.ts', import.meta.url))
const PAINT_BAR_MS = 300
const INPUT_BAR_MS = 100
const GROWTH_BAR = 0.1
const OPENINGS = 9
const EVENTS_BY_MINUTE = 10_000
const LOAD_SECONDS = Number(process.env.VILLAGE_BENCH_SECONDS ?? 180)
/** Until every page's modules and lists are there and full, memory grows for good reasons. */
const WARM_UP_SECONDS = 30
const SAMPLES = 6
const MIB = 2 ** 20

interface BenchNode {
  readonly link: string
  readonly process: ChildProcess
  ask(message: object): Promise<Record<string, number>>
  send(message: object): void
}

async function startBenchNode(directory: string): Promise<BenchNode> {
  const child = spawn(nodeBinary(), [...NODE_FLAGS, NODE, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...NODE_ENVIRONMENT },
  })
  const lines: Interface = createInterface({ input: child.stdout! })
  const nextLine = async () => {
    const [line] = await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error('the daemon of the bench has ended'))),
    ])
    return JSON.parse(String(line))
  }
  const { link } = (await nextLine()) as { link: string }
  const send = (message: object) => void child.stdin!.write(`${JSON.stringify(message)}\n`)
  return {
    link,
    process: child,
    send,
    async ask(message) {
      const answer = nextLine()
      send(message)
      return (await answer) as Record<string, number>
    },
  }
}

const quantile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ??
  Number.NaN

/** In a window of its own, so that nothing is in a cache. */
async function openOnce(browser: Browser, link: string): Promise<{ paint: number; data: number }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  try {
    const page = await context.newPage()
    await page.goto(link)
    await page.waitForFunction(() => performance.getEntriesByName('village:overview').length > 0)
    // What comes after (charts, the doctor) is over before the next opening begins.
    await page.getByText(/checks are fine/).waitFor()
    return await page.evaluate(() => ({
      paint: performance.getEntriesByName('first-contentful-paint')[0]!.startTime,
      data: performance.getEntriesByName('village:overview')[0]!.startTime,
    }))
  } finally {
    await context.close()
  }
}

/** The least that a browser takes on this machine now: a sheet of a few letters, from the same daemon. */
async function paintBare(browser: Browser, link: string): Promise<number> {
  const page = await browser.newPage()
  try {
    await page.bringToFront()
    await page.goto(new URL('/healthz', link).href)
    // By the clock: once it is painted, such a page draws no further frame in which it could be looked at.
    await page.waitForFunction(
      () => performance.getEntriesByName('first-contentful-paint').length > 0,
      undefined,
      { polling: 50 },
    )
    return await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]!.startTime)
  } finally {
    await page.close()
  }
}

async function measurePaint({ report, signal }: BenchContext, browser: Browser, link: string): Promise<void> {
  const opened: { paint: number; data: number }[] = []
  for (let n = 0; n < OPENINGS; n += 1) {
    signal.throwIfAborted()
    opened.push(await openOnce(browser, link))
  }
  const bare: number[] = []
  for (let n = 0; n < OPENINGS; n += 1) bare.push(await paintBare(browser, link))
  report({
    case: 'a page of one word, median',
    value: quantile(bare, 0.5),
    unit: 'ms',
    better: 'lower',
    bar: null,
  })
  const rows = [
    ['first contentful paint, median', 'paint'],
    ['overview shows what is, median', 'data'],
  ] as const
  for (const [name, key] of rows)
    report({
      ...{
        case: name,
        value: quantile(
          opened.map((one) => one[key]),
          0.5,
        ),
      },
      ...{ unit: 'ms', better: 'lower', bar: PAINT_BAR_MS },
    })
}

async function heapMib(session: CDPSession): Promise<number> {
  for (let n = 0; n < 2; n += 1) await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number }
  return usedSize / MIB
}

interface Measured {
  tasks: number[]
  inputs: number[]
}

/** Notes long tasks, and how long each input took until the next frame was painted. */
const observe = () => {
  const measured: Measured = { tasks: [], inputs: [] }
  Object.assign(window, { measured })
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) measured.tasks.push(duration)
  }).observe({ type: 'longtask' })
  addEventListener(
    'pointerdown',
    ({ timeStamp }) => {
      requestAnimationFrame(() => setTimeout(() => measured.inputs.push(performance.now() - timeStamp)))
    },
    { capture: true },
  )
}

/** Goes from page to page as a person does, who looks at each for a while; `seconds` in all. */
async function wander(page: Page, seconds: number, signal: AbortSignal): Promise<void> {
  const names = ['Overview', 'Events', 'Jobs', 'Members', 'Models', 'Settings']
  const until = performance.now() + seconds * 1000
  const menu = page.getByRole('navigation', { name: 'Pages' })
  for (let n = 0; performance.now() < until; n += 1) {
    signal.throwIfAborted()
    await menu.getByRole('link', { name: new RegExp(`^${names[n % names.length]}`) }).click()
    await sleep(1_500)
  }
}

async function measureLoad(
  { report, log, signal }: BenchContext,
  browser: Browser,
  node: BenchNode,
): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const session = await page.context().newCDPSession(page)
  await page.addInitScript(observe)
  await page.goto(node.link)
  await page.getByText('live', { exact: true }).waitFor()
  node.send({ rate: EVENTS_BY_MINUTE / 60 })
  await wander(page, WARM_UP_SECONDS, signal)
  await page.evaluate(() =>
    Object.assign((window as unknown as { measured: Measured }).measured, { tasks: [], inputs: [] }),
  )
  const { emitted: before } = await node.ask({ report: true })
  const startedAt = performance.now()
  const heaps = [await heapMib(session)]
  for (let n = 0; n < SAMPLES; n += 1) {
    await wander(page, LOAD_SECONDS / SAMPLES, signal)
    heaps.push(await heapMib(session))
    log(`heap ${heaps.at(-1)!.toFixed(1)} MiB after ${Math.round((performance.now() - startedAt) / 1000)} s`)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const { emitted, delayP99Ms } = await node.ask({ report: true })
  const { tasks, inputs } = await page.evaluate(() => (window as unknown as { measured: Measured }).measured)
  const [first, last] = [heaps[0]!, heaps.at(-1)!]
  const watched = { better: 'lower', bar: null } as const
  report({
    case: 'events a minute that came',
    value: ((emitted! - before!) * 60) / seconds,
    unit: 'events',
    better: 'higher',
    bar: null,
  })
  report({
    case: 'input to next paint, p95',
    value: quantile(inputs, 0.95),
    unit: 'ms',
    better: 'lower',
    bar: INPUT_BAR_MS,
  })
  report({ case: 'inputs measured', value: inputs.length, unit: 'inputs', better: 'higher', bar: null })
  report({ case: 'long tasks by minute', value: (tasks.length * 60) / seconds, unit: 'tasks', ...watched })
  report({ case: 'longest task', value: Math.max(0, ...tasks), unit: 'ms', ...watched })
  report({ case: 'heap after the warm-up', value: first, unit: 'MiB', ...watched })
  report({
    case: 'heap growth over the run',
    value: (last - first) / first,
    unit: 'of it',
    better: 'lower',
    bar: GROWTH_BAR,
  })
  report({
    case: 'event-loop delay of the daemon, p99',
    value: delayP99Ms!,
    unit: 'ms',
    better: 'lower',
    bar: 50,
  })
}

export const dashboardBench: Bench = {
  name: 'dashboard',
  title: 'The dashboard: first paint, and 10,000 events a minute',
  async run(context) {
    const executablePath = BROWSERS.find((file) => existsSync(file))
    if (executablePath === undefined) return context.log('skipped: chromium is not installed')
    const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-dashboard-'))
    let browser: Browser | undefined
    let node: BenchNode | undefined
    try {
      node = await startBenchNode(directory)
      browser = await chromium.launch({
        executablePath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      })
      await measurePaint(context, browser, node.link)
      await measureLoad(context, browser, node)
    } finally {
      await browser?.close()
      if (node !== undefined && node.process.exitCode === null) {
        node.process.stdin!.end()
        await once(node.process, 'exit')
      }
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
