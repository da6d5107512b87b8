import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { chromium } from 'playwright-core'
import { NODE_ENVIRONMENT, NODE_FLAGS, nodeBinary } from '../run.js'
const dir = await mkdtemp('/tmp/f1/node-')
const child = spawn(nodeBinary(), [...NODE_FLAGS, new URL('dashboard-node.ts', import.meta.url).pathname, dir], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...NODE_ENVIRONMENT } })
const lines = createInterface({ input: child.stdout })
const { link } = JSON.parse(String((await once(lines, 'line'))[0]))
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] })
const rows: any[] = []
for (let n = 0; n < Number(process.env.N ?? 7); n++) {
  if (n === 5 && process.env.TRACE) await browser.startTracing(undefined, { path: process.env.TRACE, categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'v8.execute', 'blink.user_timing', 'loading', 'toplevel', 'disabled-by-default-v8.cpu_profiler'] })
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  await page.goto(link)
  await page.waitForFunction(() => performance.getEntriesByName('village:overview').length > 0)
  const r = await page.evaluate(() => ({
    fcp: performance.getEntriesByName('first-contentful-paint')[0]!.startTime,
    data: performance.getEntriesByName('village:overview')[0]!.startTime,
    marks: performance.getEntriesByType('mark').map((m) => [m.name, Math.round(m.startTime)]),
    nav: (() => { const t = performance.getEntriesByType('navigation')[0] as any; return { rs: t.responseStart, re: t.responseEnd, di: t.domInteractive, dcl: t.domContentLoadedEventStart } })(),
    res: performance.getEntriesByType('resource').map((t: any) => [t.name.replace(/^.*?\/\/[^/]*/, ''), Math.round(t.startTime), Math.round(t.requestStart), Math.round(t.responseStart), Math.round(t.responseEnd), t.transferSize]),
  }))
  rows.push(r)
  await context.close()
  if (n === 5 && process.env.TRACE) await browser.stopTracing()
}
const bare: number[] = []
for (let n = 0; n < 5; n++) { const p = await browser.newPage(); await p.goto(new URL('/healthz', link).href); await p.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0); bare.push(await p.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]!.startTime)); await p.close() }
const med = (v: number[]) => Math.round([...v].sort((a, b) => a - b)[v.length >> 1]!)
console.log('bare', med(bare), 'fcp', med(rows.map((r) => r.fcp)), rows.map((r) => Math.round(r.fcp)), 'data', med(rows.map((r) => r.data)), rows.map((r) => Math.round(r.data)))
console.log(JSON.stringify(rows.at(-1).nav), JSON.stringify(rows.at(-1).marks))
if (process.env.RES) for (const r of rows.at(-1).res) console.log(r.join('  '))
await browser.close(); child.stdin.end(); await once(child, 'exit'); await rm(dir, { recursive: true })
