import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { NODE_ENVIRONMENT, NODE_FLAGS, nodeBinary } from '../run.js'
const dir = await mkdtemp('/tmp/f1/node-')
const child = spawn(nodeBinary(), [...NODE_FLAGS, ...(process.env.PROF ? ['--cpu-prof', '--cpu-prof-dir=/tmp/f1/prof'] : []), new URL('dashboard-node.ts', import.meta.url).pathname, dir], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...NODE_ENVIRONMENT } })
const lines = createInterface({ input: child.stdout })
const { link } = JSON.parse(String((await once(lines, 'line'))[0]))
const token = new URLSearchParams(new URL(link).hash.slice(1)).get('token')
const base = new URL(link).origin
for (const p of ['/', '/dashboard/app.js', '/dashboard/first.css', '/api/v1/status', '/api/v1/members', '/api/v1/jobs', '/api/v1/resources', '/api/v1/peers', '/api/v1/models?limit=10000', '/api/v1/approvals', '/api/v1/pulls', '/api/v1/catalog', '/api/v1/runs', '/api/v1/federations', '/api/v1/index-runs', '/api/v1/doctor', '/api/v1/resources/history?seconds=3600']) {
  const ms: number[] = []
  let size = 0
  for (let n = 0; n < 15; n++) { const t = performance.now(); const r = await fetch(base + p, { headers: { authorization: `Bearer ${token}` } }); size = (await r.arrayBuffer()).byteLength; ms.push(performance.now() - t) }
  const first = ms[0]!
  ms.sort((a, b) => a - b)
  console.log(p.padEnd(42), 'first', first.toFixed(1), 'min', ms[0]!.toFixed(1), 'med', ms[7]!.toFixed(1), 'max', ms[14]!.toFixed(1), size)
}
child.stdin.end(); await once(child, 'exit'); await rm(dir, { recursive: true })
