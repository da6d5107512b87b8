import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sandboxHere } from '../../helpers/sandboxes.ts'

const url = (file: string) => JSON.stringify(new URL(`../../../node/${file}`, import.meta.url).href)

/** Node itself closes low ones to the programs that it starts. */
const HIGH = 40

/** Prints what would be handed on, and where the high descriptor leads inside the sandbox. */
const CHILD = `
const { leakedDescriptors } = await import(${url('compute/sandbox/leaked-descriptors.ts')})
const { createSandbox } = await import(${url('compute/sandbox/sandbox.ts')})
const { createLog } = await import(${url('log.ts')})
const leaked = await leakedDescriptors()
const sandbox = createSandbox({ log: createLog({ level: 'silent' }) })
const { stdout } = await sandbox.run(
  {
    files: {},
    command: ['python3', '-I', '-S', '-c', 'import os; print(os.readlink("/proc/self/fd/${HIGH}"))'],
    limits: {
      wallMs: 30000, cpuSeconds: 10, memoryBytes: 2 ** 28, processes: 4, fileBytes: 2 ** 20, outputBytes: 1000,
    },
  },
  new AbortController().signal,
)
process.stdout.write(JSON.stringify({ leaked, link: stdout.trim() }))
`

const inSandbox = (await sandboxHere()) === null ? test.skip : test

inSandbox('a file that the daemon was started with does not reach the sandbox', async () => {
  const ignored = Array.from({ length: HIGH - 3 }, () => 'ignore' as const)
  const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD], {
    stdio: ['ignore', 'pipe', 'inherit', ...ignored, 'pipe'],
  })
  let text = ''
  ;(child.stdout as Readable).on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const [code] = await once(child, 'close')
  assert.is(code, 0)
  const { leaked, link } = JSON.parse(text) as { leaked: number[]; link: string }
  assert.ok(leaked.includes(HIGH), `${leaked}`)
  assert.is(link, '/dev/null')
})

test.run()
