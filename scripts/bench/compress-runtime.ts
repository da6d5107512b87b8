/** The runtime forms of compressed models: how fast the medium one runs in each, and what memory that takes. */
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { NODE_FLAGS, nodeBinary } from '../run.js'
import type { BenchContext } from './bench.ts'
import { addModel, compress, startBenchNode } from './compress-daemon.ts'
import { writeMedium } from './compress-models.ts'

const SCRIPT = fileURLToPath(new URL('./run-model.ts', import.meta.url))
/** With a grid of its own, which runs as it is, and without one. */
const GRID = 'int4'
const GRIDLESS = 'trellis'

interface Ran {
  readonly tokensPerSecond: number
  readonly memoryMb: number
  readonly peakMb: number
}

async function ran(directory: string, signal: AbortSignal): Promise<Ran> {
  const { stdout } = await promisify(execFile)(
    nodeBinary(),
    [...NODE_FLAGS, SCRIPT, path.join(directory, 'model.onnx')],
    { signal },
  )
  return JSON.parse(stdout) as Ran
}

export async function runtimeForms(context: BenchContext, directory: string): Promise<void> {
  const { report, log, signal } = context
  const source = writeMedium(directory)
  const tell = async (name: string, model: string) => {
    log(`running ${name}`)
    const { tokensPerSecond, memoryMb, peakMb } = await ran(model, signal)
    report({
      case: `medium model runs, ${name}`,
      value: tokensPerSecond,
      unit: 'tokens/s',
      better: 'higher',
      bar: null,
    })
    const lower = { unit: 'MB', better: 'lower', bar: null } as const
    report({ case: `medium model runs, ${name}: memory`, value: memoryMb, ...lower })
    report({ case: `medium model runs, ${name}: peak while loading`, value: peakMb, ...lower })
  }
  await tell('float32 original', source)
  const node = await startBenchNode(directory)
  try {
    await addModel(node, source, 'medium')
    rmSync(source, { recursive: true })
    for (const [codec, forms] of [
      [GRID, ['int8']],
      [context.codecs?.[0] ?? GRIDLESS, ['int8', 'dense']],
    ] as const) {
      const params = { model: 'medium', codec, calibrate: 'none', keep: 0 }
      const { report: built } = await compress(node, params, context)
      for (const runtime of forms) {
        const out = path.join(directory, 'runnable')
        await node.client.send('POST', `/api/v1/models/${built.id}/unpack`, { directory: out, runtime })
        await tell(codec === GRID ? `${codec}, its own grid` : `${codec} as ${runtime}`, out)
        rmSync(out, { recursive: true })
      }
    }
  } finally {
    await node.stop()
  }
}
