/**
 * Evaluations of a small trained model on real data: what its prompts are, how long an item takes, and whether three peers
 * give the same by item as one. The model knows nothing: its accuracy is chance, and not what is looked at.
 */
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../node/json.ts'
import { type LocalNode, startLocalnet } from '../localnet.ts'
import type { Bench, BenchContext } from './bench.ts'
import { runJob } from './compress-daemon.ts'
import { gsm8kPrompts, mmluPrompts } from './evaluate-prompts.ts'

const DATA = fileURLToPath(new URL('../../../shared/data/', import.meta.url))
const MODEL = ['models/stories260K.bin', 'models/tok512.bin'] as const
const MMLU = ['eval/mmlu_test.jsonl', 'eval/mmlu_dev.jsonl'] as const
const GSM8K = 'eval/gsm8k_test.jsonl'
const COLLECTION = 'ir/scifact'
const PEERS = 3

const at = (name: string): string => path.join(DATA, name)

interface Suite {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly options: JsonObject
  /** Every prompt, written down anew from the rows of the data. */
  prompts(limit: number): string[]
}

const SUITES: readonly Suite[] = [
  {
    name: 'mmlu',
    files: { data: at(MMLU[0]), shotsData: at(MMLU[1]) },
    options: { limit: 200, shots: 5 },
    prompts: (limit) => mmluPrompts(at(MMLU[0]), at(MMLU[1]), limit),
  },
  {
    name: 'gsm8k',
    files: { data: at(GSM8K) },
    options: { limit: 50, shots: 5 },
    prompts: (limit) => gsm8kPrompts(at(GSM8K), limit),
  },
]

async function upload(node: LocalNode, files: Readonly<Record<string, string>>): Promise<JsonObject> {
  const cids: Record<string, string> = {}
  for (const [name, file] of Object.entries(files)) {
    const { cid } = await node.client.upload<{ cid: string }>(
      `/api/v1/artifacts?${new URLSearchParams({ name: path.basename(file) })}`,
      'application/octet-stream',
      createReadStream(file),
    )
    cids[name] = cid
  }
  return cids
}

interface Evaluated {
  readonly seconds: number
  /** CID of the records of all items. */
  readonly records: string
  readonly items: number
  readonly prompts: readonly string[]
  readonly value: number
}

async function evaluate(
  context: BenchContext,
  node: LocalNode,
  model: string,
  suite: Pick<Suite, 'name' | 'files' | 'options'>,
): Promise<Evaluated> {
  const files = await upload(node, suite.files)
  const params = { models: [model], suite: suite.name, files, options: suite.options }
  const { result, seconds } = await runJob(node, { kind: 'evaluate', params }, context)
  const [row] = result.models as unknown as { results: string; metrics: { value: number }[] }[]
  return {
    seconds,
    records: row!.results,
    items: Number(result.items),
    prompts: await promptsOf(node, String(result.itemList)),
    value: row!.metrics[0]!.value,
  }
}

/** What the models were asked, from the list of items. */
async function promptsOf(node: LocalNode, cid: string): Promise<string[]> {
  const response = await node.client.download(`/api/v1/artifacts/${cid}/content`)
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  const rows = Buffer.concat(chunks).toString('utf8').trimEnd().split('\n')
  const lines = rows.map((line) => JSON.parse(line) as Record<string, unknown>)
  const prefixes = lines.slice(1, 1 + Number(lines[0]!.prefixes)).map(({ text }) => String(text))
  return lines.slice(1 + prefixes.length).map((line) => {
    const prefix = typeof line.prefix === 'number' ? prefixes[line.prefix]! : ''
    return prefix + String(line.context ?? line.prompt ?? line.text)
  })
}

async function onNet(
  context: BenchContext,
  directory: string,
  count: number,
  use: (owner: LocalNode) => Promise<void>,
): Promise<void> {
  const net = await startLocalnet({
    count,
    directory: path.join(directory, `net-${count}`),
    name: 'bench',
    settings: { profile: 'server', 'resources.maxCpuCores': 1, 'log.level': 'warn' },
  })
  try {
    const [owner] = net.nodes
    context.log(`${count} of one core`)
    await use(owner!)
  } finally {
    await net.stop()
    rmSync(path.join(directory, `net-${count}`), { recursive: true, force: true })
  }
}

async function language(context: BenchContext, directory: string): Promise<void> {
  const { report, log } = context
  const alone = new Map<string, Evaluated>()
  const addModel = (node: LocalNode) =>
    node.client.send('POST', '/api/v1/models', { path: at(MODEL[0]), tokenizer: at(MODEL[1]), id: 'stories' })
  await onNet(context, directory, 1, async (owner) => {
    await addModel(owner)
    for (const suite of SUITES) {
      const ended = await evaluate(context, owner, 'stories', suite)
      alone.set(suite.name, ended)
      log(`${suite.name}: ${ended.items} items, ${ended.value.toFixed(3)}`)
      const wanted = suite.prompts(ended.items)
      report({
        case: `${suite.name}: prompts equal to the harness's, byte for byte`,
        value: wanted.filter((prompt, index) => prompt === ended.prompts[index]).length / ended.items,
        unit: 'share',
        better: 'higher',
        bar: 1,
      })
      report({
        case: `${suite.name}: one peer of one core, by item`,
        value: (ended.seconds * 1000) / ended.items,
        unit: 'ms',
        better: 'lower',
        bar: null,
      })
    }
  })
  await onNet(context, directory, PEERS, async (owner) => {
    await addModel(owner)
    for (const suite of SUITES) {
      const ended = await evaluate(context, owner, 'stories', suite)
      report({
        case: `${suite.name}: three peers of one core, by item`,
        value: (ended.seconds * 1000) / ended.items,
        unit: 'ms',
        better: 'lower',
        bar: null,
      })
      report({
        case: `${suite.name}: three peers give the same by item as one (1: yes)`,
        value: ended.records === alone.get(suite.name)!.records ? 1 : 0,
        unit: '',
        better: 'higher',
        bar: 1,
      })
    }
  })
}

/** The embedded encoder on a collection; it takes minutes, so only where it is asked for. */
async function collection(context: BenchContext, directory: string): Promise<void> {
  await onNet(context, directory, 1, async (owner) => {
    await owner.client.send('POST', '/api/v1/models', { embedded: 'encoder', id: 'encoder' })
    const folder = at(COLLECTION)
    const files = {
      data: path.join(folder, 'corpus.jsonl'),
      queries: path.join(folder, 'queries.jsonl'),
      judgements: path.join(folder, 'qrels.tsv'),
    }
    const ended = await evaluate(context, owner, 'encoder', { name: 'retrieval', files, options: {} })
    context.report({
      case: 'retrieval: nDCG@10 of the embedded encoder on SciFact',
      value: ended.value,
      unit: '',
      better: 'higher',
      bar: null,
    })
    context.report({
      case: 'retrieval: one peer of one core, by text',
      value: (ended.seconds * 1000) / ended.items,
      unit: 'ms',
      better: 'lower',
      bar: null,
    })
  })
}

export const evaluateBench: Bench = {
  name: 'evaluate',
  title: 'prompts, time by item, three peers against one (--only retrieval: an encoder on a collection)',
  async run(context) {
    const needed = [...MODEL, ...MMLU, GSM8K]
    const missing = needed.find((name) => !existsSync(at(name)))
    if (missing !== undefined) {
      context.log(`skipped: no data (${missing})`)
      return
    }
    const directory = mkdtempSync(path.join(tmpdir(), 'village-bench-evaluate-'))
    try {
      if (context.only.includes('retrieval')) await collection(context, directory)
      else await language(context, directory)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
