/** Three peers of one core each against one: how much sooner a job ends, and whether its bytes are the same. */
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { startLocalnet } from '../localnet.ts'
import type { BenchContext } from './bench.ts'
import { addModel, compress } from './compress-daemon.ts'
import { GPT2_SMALL, writeTransformer } from './transformer-model.ts'

const RATIO_BAR = 1.8
const PEERS = 3
/** Half a minute of one core. `seedlm` is limited by the cache that processes share (its tables are 19 MB in each). */
const SHAPE = GPT2_SMALL
const CODEC = 'trellis'

interface Run {
  readonly seconds: number
  readonly cid: string
}

async function timed(context: BenchContext, directory: string, count: number, codec: string): Promise<Run> {
  const { log } = context
  const source = path.join(directory, 'model')
  const net = await startLocalnet({
    count,
    directory: path.join(directory, `net-${count}`),
    name: 'bench',
    settings: { profile: 'server', 'resources.maxCpuCores': 1, 'log.level': 'warn' },
  })
  try {
    const [owner] = net.nodes
    await addModel(owner!, source, 'shared')
    const plain = { model: 'shared', calibrate: 'none', keep: 0 }
    log(`${count} of one core: a first job, so that everybody holds the model`)
    await compress(owner!, { ...plain, codec: 'int8' }, context)
    log(`${count} of one core: ${codec}`)
    const { report, seconds } = await compress(owner!, { ...plain, codec }, context)
    return { seconds, cid: report.packed.cid }
  } finally {
    await net.stop()
    rmSync(path.join(directory, `net-${count}`), { recursive: true, force: true })
  }
}

export async function threePeers(context: BenchContext, directory: string): Promise<void> {
  const { report } = context
  const codec = context.codecs?.[0] ?? CODEC
  mkdirSync(path.join(directory, 'model'))
  writeTransformer(path.join(directory, 'model', 'model.onnx'), SHAPE)
  const one = await timed(context, directory, 1, codec)
  const three = await timed(context, directory, PEERS, codec)
  report({
    case: `one peer of one core, ${codec}`,
    value: one.seconds,
    unit: 's',
    better: 'lower',
    bar: null,
  })
  report({
    case: `three peers of one core, ${codec}`,
    value: three.seconds,
    unit: 's',
    better: 'lower',
    bar: null,
  })
  report({
    case: 'three peers against one',
    value: one.seconds / three.seconds,
    unit: 'times',
    better: 'higher',
    bar: RATIO_BAR,
  })
  report({
    case: 'three peers against one: equal bytes (1: yes)',
    value: one.cid === three.cid ? 1 : 0,
    unit: '',
    better: 'higher',
    bar: 1,
  })
}
