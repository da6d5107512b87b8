/**
 * Whether what a person tells a node can be found in its data directory: while it is kept, and once it is erased. A real daemon, a mark that
 * is told to everything that keeps what people say, and every byte of every file looked at.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  filesWith,
  formsOf,
  type MarkedDaemon,
  markedCounts,
  sayMark,
  sealedSlots,
  startEcho,
  startMarkedDaemon,
} from '../../test/helpers/marked-daemon.ts'
import type { BenchContext } from './bench.ts'
import type { BenchCase } from './bench-cases.ts'

const MARK = 'quokka-ember-thistle-9031'
const KILLED_CONVERSATIONS = 100

async function run(context: BenchContext): Promise<void> {
  const { signal } = context
  const report = (name: string, value: number, unit = '', bar: number | null = null) =>
    context.report({ case: `twin: ${name}`, value, unit, better: 'lower', bar })
  const directory = mkdtempSync(path.join(tmpdir(), 'village-bench-twin-'))
  const endpoint = await startEcho()
  const daemons: MarkedDaemon[] = []
  const start = async () => {
    signal.throwIfAborted()
    const daemon = await startMarkedDaemon(directory, endpoint.url)
    daemons.push(daemon)
    return daemon
  }
  const found = () => filesWith(directory, formsOf(MARK)).length
  const slots = () => sealedSlots(directory).flatMap((store) => store.slots)
  try {
    const first = await start()
    await sayMark(first, MARK)
    const told = await markedCounts(first)
    report('memories that were told', told.memories)
    report('calls in the audit log', told.auditedCalls)
    report('files with a plain byte of the mark while it is kept', found(), '', 0)
    const before = slots()
    const startedAtMs = performance.now()
    await first.ask('DELETE', '/api/v1/twin')
    report('time of erasing everything', performance.now() - startedAtMs, 'ms')
    report('files with a byte of the mark after erasing', found(), '', 0)
    report('record keys left after erasing', slots().length, '', 0)
    report('files with a key slot of before', filesWith(directory, before).length, '', 0)

    await sayMark(first, MARK)
    for (let n = 0; n < KILLED_CONVERSATIONS; n += 1) await first.ask('POST', '/api/v1/conversations')
    const again = slots()
    const erased = first.ask('DELETE', '/api/v1/twin').catch(() => null)
    while (!existsSync(path.join(directory, 'sealed', 'erasing.json')))
      await new Promise((resolve) => setImmediate(resolve))
    await first.end('SIGKILL')
    await erased
    report('record keys left when it was killed in the middle', slots().length)
    await start()
    report('record keys left after the next start', slots().length, '', 0)
    report('files with a byte of the mark after the next start', found(), '', 0)
    report('files with a key slot of before the kill', filesWith(directory, again).length, '', 0)
    const logged = daemons.filter((daemon) => daemon.output().includes(MARK)).length
    report('logs (debug) with the mark', logged, '', 0)
  } finally {
    for (const daemon of daemons) await daemon.end('SIGKILL')
    await endpoint.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

export const twinCase: BenchCase = {
  name: 'twin',
  title:
    'what a person told a node is encrypted while it is kept, and gone to the last byte when it is erased',
  run,
}
