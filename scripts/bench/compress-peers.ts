/**
 * Three peers of one core each against one, on two cores: how much sooner a job ends, and whether its bytes are the same.
 * Each daemon is held to one core, with all that it does: by the resource governor alone one daemon would have a core for its
 * kernels and another for its event loop and its collector of garbage, and be more than one core.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import type { JsonObject } from '../../node/json.ts'
import { startLocalnet } from '../localnet.ts'
import type { BenchContext } from './bench.ts'
import { addModel, compress, processorSeconds } from './compress-daemon.ts'
import { GPT2_SMALL, type TransformerShape, writeTransformer } from './transformer-model.ts'

const RATIO_BAR = 1.8
const PEERS = 3
/** Of the machine, however many it has. */
const CORES = 2

interface Load {
  readonly name: string
  readonly shape: TransformerShape
  readonly codec: string
  readonly params: JsonObject
}

/** Each takes about half a minute of one core or more. */
const LOADS: readonly Load[] = [
  {
    name: 'trellis, 124 M weights',
    shape: GPT2_SMALL,
    codec: 'trellis',
    params: {},
  },
  {
    name: 'seedlm by exhaustive search, 17 M weights',
    shape: { ...GPT2_SMALL, layers: 2, vocabulary: 4096 },
    codec: 'seedlm',
    params: { search: 'exact' },
  },
]

interface Run {
  readonly seconds: number
  /** Of the processor, by daemon. */
  readonly processor: readonly number[]
  readonly cid: string
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** What holds daemon number `index` to a core: the owner of the job has the first to itself, the others share the rest. */
function withinOneCore(index: number): readonly string[] {
  const core = index === 0 ? 0 : 1 + ((index - 1) % (CORES - 1))
  return ['taskset', '-c', String(core)]
}

function canHold({ log }: BenchContext): boolean {
  if (availableParallelism() >= CORES && spawnSync('taskset', ['-c', '0', 'true']).status === 0) return true
  log('no taskset, or one core only: the daemons are held to a core by their resource governor alone')
  return false
}

async function timed(context: BenchContext, directory: string, count: number, load: Load): Promise<Run> {
  const { log } = context
  const net = await startLocalnet({
    count,
    directory: path.join(directory, 'net'),
    name: 'bench',
    settings: { profile: 'server', 'resources.maxCpuCores': 1, 'log.level': 'warn' },
    ...(canHold(context) && { within: withinOneCore }),
  })
  try {
    const [owner] = net.nodes
    await addModel(owner!, path.join(directory, 'model'), 'shared')
    const plain = { model: 'shared', calibrate: 'none', keep: 0 }
    log(`${count} of one core: a first job, so that everybody holds the model`)
    await compress(owner!, { ...plain, codec: 'int8' }, context)
    log(`${count} of one core: ${load.name}`)
    const { codec, params } = load
    const before = net.nodes.map(processorSeconds)
    const { report, seconds } = await compress(owner!, { ...plain, codec, params }, context)
    const processor = net.nodes.map((node, index) => processorSeconds(node) - before[index]!)
    log(`${count} of one core: ${processor.map((one) => one.toFixed(1)).join(', ')} s of processor by daemon`)
    return { seconds, processor, cid: report.packed.cid }
  } finally {
    await net.stop()
    rmSync(path.join(directory, 'net'), { recursive: true, force: true })
  }
}

async function measure(context: BenchContext, directory: string, load: Load): Promise<void> {
  mkdirSync(path.join(directory, 'model'), { recursive: true })
  writeTransformer(path.join(directory, 'model', 'model.onnx'), load.shape)
  const one = await timed(context, directory, 1, load)
  const three = await timed(context, directory, PEERS, load)
  const row = (what: string, value: number, unit: string, better: 'lower' | 'higher', bar: number | null) =>
    context.report({ case: `${load.name}: ${what}`, value, unit, better, bar })
  row('one peer of one core', one.seconds, 's', 'lower', null)
  row('three peers of one core', three.seconds, 's', 'lower', null)
  row('three peers against one', one.seconds / three.seconds, 'times', 'higher', RATIO_BAR)
  row('processor time of one daemon', sum(one.processor), 's', 'lower', null)
  row('processor time of three daemons', sum(three.processor), 's', 'lower', null)
  const most = (CORES * sum(one.processor)) / sum(three.processor)
  row('most that the processor time allows', most, 'times', 'higher', null)
  row('equal bytes (1: yes)', one.cid === three.cid ? 1 : 0, '', 'higher', 1)
  rmSync(path.join(directory, 'model'), { recursive: true, force: true })
}

export async function threePeers(context: BenchContext, directory: string): Promise<void> {
  for (const load of LOADS)
    if (context.codecs === null || context.codecs.includes(load.codec))
      await measure(context, directory, load)
}
