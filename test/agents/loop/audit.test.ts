import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AuditStart, auditGroup, createAudit } from '../../../node/agents/loop/audit.ts'
import { createLog } from '../../../node/log.ts'
import { createSealedStore } from '../../../node/sealed-store.ts'
import { counterIds, memoryAuditStore, NOW_MS, OWNER } from '../../helpers/agent-parts.ts'

const KEY_HEX = '07'.repeat(64)
const root = path.resolve(import.meta.dirname, '../../..')
let directory: string

const audit = suite('agents: audit log')
audit.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-audit-'))
})
audit.after.each(() => rmSync(directory, { recursive: true, force: true }))

const start = (given: Partial<AuditStart> = {}): AuditStart => ({
  ...{ timeMs: NOW_MS, request: 'r1', agent: 'king', asker: OWNER, tool: 'file_write', effect: 'change' },
  ...{ arguments: { path: 'marked-path' }, decision: 'asked', by: null },
  ...given,
})
const DONE = { outcome: 'done', code: null, ms: 3, sizeBytes: 12 } as const

async function opened(room: Partial<Parameters<typeof createSealedStore>[1]> = {}) {
  const store = createSealedStore(
    {
      log: createLog({ level: 'silent' }),
      identity: { privateKey: { raw: Buffer.from(KEY_HEX, 'hex') } as never },
    },
    {
      directory: path.join(directory, 'audit'),
      name: 'audit',
      maxRecords: 5,
      maxBytes: 2 ** 20,
      whenFull: 'drop-oldest',
      durability: 'process',
      ...room,
    },
  )
  await store.start(new AbortController().signal)
  return { store, log: createAudit({ store }, { newId: counterIds() }) }
}

audit('an entry before and after; newest first; by time, request, tool and number', async () => {
  const log = createAudit({ store: memoryAuditStore() }, { newId: counterIds() })
  const end = await log.begin(start())
  assert.is((await log.list())[0]!.outcome, 'started')
  await end(DONE)
  await log.refuse(start({ timeMs: NOW_MS + 5, tool: 'model_list', request: 'r2' }), 'TOOL_ARGUMENTS_INVALID')
  const tools = async (query: Parameters<typeof log.list>[0]) =>
    (await log.list(query)).map(({ tool }) => tool)
  assert.equal(await tools({}), ['model_list', 'file_write'])
  assert.equal(await tools({ sinceMs: NOW_MS + 1 }), ['model_list'])
  assert.equal(await tools({ request: 'r1' }), ['file_write'])
  assert.equal(await tools({ tool: 'model_list' }), ['model_list'])
  assert.equal(await tools({ limit: 1 }), ['model_list'])
  const [, first] = await log.list()
  assert.equal(first, { ...start(), ...DONE, id: first!.id })
})

audit('who looks around a thousand times pushes out nobody else’s entries, nor its own deeds', async () => {
  const { store, log } = await opened({ maxRecords: 32, groupOf: auditGroup })
  const asker = { kind: 'key', id: 'key_1', scope: 'operate' } as const
  await (await log.begin(start()))(DONE)
  await (await log.begin(start({ asker, timeMs: NOW_MS + 1 })))(DONE)
  for (let n = 2; n < 80; n += 1) {
    const looked = start({ asker, timeMs: NOW_MS + n, tool: 'time_now', effect: 'read', decision: 'read' })
    if (n % 2 === 0) await (await log.begin(looked))(DONE)
    else await log.refuse({ ...looked, tool: 'file_write', effect: 'change', decision: 'refused' })
  }
  const left = (await log.list({ limit: 1_000 })).reverse()
  assert.equal(
    left.slice(0, 2).map(({ timeMs, tool }) => [timeMs - NOW_MS, tool]),
    [
      [0, 'file_write'],
      [1, 'file_write'],
    ],
  )
  assert.ok(left.length < 40)
  await store.stop()
})

audit('kept sealed, the oldest make room, and it outlives a restart', async () => {
  const { store, log } = await opened()
  for (let n = 0; n < 8; n += 1) await (await log.begin(start({ timeMs: NOW_MS + n })))(DONE)
  await store.stop()
  for (const file of readdirSync(directory, { recursive: true, withFileTypes: true }))
    if (file.isFile())
      assert.not.match(readFileSync(path.join(file.parentPath, file.name), 'latin1'), /marked-path/)
  const again = await opened()
  assert.equal(
    (await again.log.list()).map(({ timeMs }) => timeMs - NOW_MS),
    [7, 6, 5, 4, 3],
  )
  await again.log.clear()
  assert.equal(await again.log.list(), [])
  await again.store.stop()
})

audit('one asker’s entries go, also of calls that still run', async () => {
  const log = createAudit({ store: memoryAuditStore() }, { newId: counterIds() })
  const key = { kind: 'key', id: 'k', scope: 'ask' } as const
  const running = await log.begin(start())
  await (await log.begin(start({ asker: key })))(DONE)
  const racing = log.begin(start())
  assert.is(await log.eraseAsker(OWNER), 2)
  await running(DONE)
  await (await racing)(DONE)
  assert.equal(
    (await log.list()).map(({ asker }) => asker.kind),
    ['key'],
  )
  const late = await log.begin(start())
  await log.clear()
  await late(DONE)
  assert.equal(await log.list(), [])
})

audit('killed while calls run: every call that was begun is there', async () => {
  const at = (file: string) => JSON.stringify(path.join(root, file))
  const script = path.join(directory, 'calls.ts')
  writeFileSync(
    script,
    `import { createAudit } from ${at('node/agents/loop/audit.ts')}
     import { createArgumentCheck } from ${at('node/agents/loop/check-arguments.ts')}
     import { runTool } from ${at('node/agents/loop/run-tool.ts')}
     import { createLog } from ${at('node/log.ts')}
     import { createSealedStore } from ${at('node/sealed-store.ts')}
     import { own, toolNamed } from ${at('test/helpers/agent-parts.ts')}
     const log = createLog({ level: 'silent' })
     const store = createSealedStore(
       { log, identity: { privateKey: { raw: Buffer.from('${KEY_HEX}', 'hex') } } },
       { directory: ${JSON.stringify(path.join(directory, 'audit'))}, name: 'audit', maxRecords: 5000, maxBytes: 2 ** 26, durability: 'process' },
     )
     await store.start(new AbortController().signal)
     let calls = 0
     const audit = createAudit({ store }, { newId: () => String(++calls) })
     const clock = { now: () => ${NOW_MS} + calls, after: () => () => {} }
     for (let n = 0; ; n += 1) {
       const tool = toolNamed('file_write', { run: async ({ n }) => { process.stdout.write(n + '\\n'); return own({}) } })
       await runTool({ audit, clock, log, countCall() {} }, {
         tool, arguments: { n }, maxResultBytes: 1024,
         start: { request: 'r', agent: 'king', asker: { kind: 'owner', id: 'owner', scope: 'admin' }, tool: 'file_write', effect: 'change', arguments: { n }, decision: 'asked', by: null },
         context: { signal: new AbortController().signal },
       })
     }`,
  )
  const child: ChildProcess = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let said = ''
  for await (const chunk of child.stdout!.setEncoding('utf8')) {
    said += chunk as string
    if (said.split('\n').length > 100) child.kill('SIGKILL')
  }
  await exited
  const made = said.split('\n').slice(0, -1).map(Number)
  const { store, log } = await opened()
  const entries = await log.list({ limit: 5_000 })
  await store.stop()
  assert.ok(made.length >= 100)
  const written = new Map(entries.map(({ arguments: given, outcome }) => [given.n, outcome]))
  for (const n of made) assert.ok(written.has(n), `call ${n} ran and is not in the log`)
  assert.ok(entries.filter(({ outcome }) => outcome === 'started').length <= 1)
})

audit.run()
