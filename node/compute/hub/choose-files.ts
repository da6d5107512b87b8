/** Which files of a hub's model are fetched: data that the registry uses, and nothing that could be run. Pure. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { HubFile } from './hub-api.ts'

export interface PullWish {
  /** A graph by its path, or null. */
  readonly file: string | null
  /** Patterns of more files; `*` stands for anything between slashes. */
  readonly include: readonly string[]
  readonly weightsOnly: boolean
}

/** Kinds of files that may come at all. */
const ALLOWED = [
  /\.(safetensors|onnx|json|jinja)$/,
  /\.onnx(_data|\.data)(_\d+)?$/,
  /(^|\/)(vocab|merges)\.txt$/,
  /(^|\/)tokenizer\.model$/,
  /(^|\/)README\.md$/,
]
const MAX_SMALL_BYTES = 64 * 2 ** 20
/** Of all of them but weights: a hub may list any number of files of the kinds that are always fetched. */
const MAX_SMALL_TOTAL_BYTES = 512 * 2 ** 20
/** Fetched first: what is fetched then depends on them. */
const SMALL = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.model',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
  'README.md',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
])
const POOLING = /^\d+_[A-Za-z]+\/config\.json$/
const WHOLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/
const PICKLE = /\.(bin|pt|pth|ckpt|pkl|h5|msgpack)$/i

const isAllowed = (path: string) => ALLOWED.some((kind) => kind.test(path))
const isWeights = (path: string) => /\.(safetensors|onnx)$|\.onnx(_data|\.data)/.test(path)

/** Configuration, tokenizer and card, and what `include` adds. Throws HUB_ANSWER_INVALID for what is too large. */
export function smallFiles(files: readonly HubFile[], { include }: PullWish): HubFile[] {
  const chosen = files.filter(
    ({ path }) =>
      SMALL.has(path) ||
      POOLING.test(path) ||
      (isAllowed(path) && include.some((pattern) => fits(path, pattern))),
  )
  const plain = chosen.filter(({ path }) => !isWeights(path))
  const huge = plain.find(({ sizeBytes }) => sizeBytes > MAX_SMALL_BYTES)
  if (huge !== undefined)
    throw new VillageError('HUB_ANSWER_INVALID', `${huge.path} is larger than ${MAX_SMALL_BYTES} bytes`, {
      fields: { file: huge.path },
    })
  if (plain.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > MAX_SMALL_TOTAL_BYTES)
    throw new VillageError(
      'HUB_ANSWER_INVALID',
      `The ${plain.length} files beside the weights take more than ${MAX_SMALL_TOTAL_BYTES} bytes`,
      { fields: { files: plain.length } },
    )
  return chosen
}

/** Folder by folder, and in each the texts between the stars one after another: no name makes it slow, as it could a RegExp. */
function fits(path: string, pattern: string): boolean {
  const [folders, wanted] = [path.split('/'), pattern.split('/')]
  return (
    folders.length === wanted.length && folders.every((folder, index) => fitsFolder(folder, wanted[index]!))
  )
}

function fitsFolder(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return name === first
  if (!name.startsWith(first) || !name.endsWith(last)) return false
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return at <= name.length - last.length
}

/**
 * The graph that was wished for; else safetensors where a graph can be built of them (`canBuild`) or nothing but weights is
 * wished for; else the graph that was published. Throws HUB_NOT_FOUND, HUB_NOTHING_TO_PULL, INVALID_ARGUMENT with what there
 * is, and what `canBuild` throws where there is nothing else.
 */
export function weightFiles(
  files: readonly HubFile[],
  wish: PullWish,
  init: { config: JsonObject | null; canBuild: (config: JsonObject) => true },
): HubFile[] {
  if (wish.file !== null) return graphFiles(files, wish.file)
  const safetensors = safetensorsFiles(files)
  if (wish.weightsOnly && safetensors.length > 0) return safetensors
  const graphs = files.filter(({ path }) => /^(onnx\/)?[^/]+\.onnx$/.test(path)).map(({ path }) => path)
  if (safetensors.length > 0 && init.config !== null) {
    if (graphs.length === 0) init.canBuild(init.config)
    else if (!succeeds(() => init.canBuild(init.config!))) return graphFiles(files, onlyGraph(graphs))
    return safetensors
  }
  if (graphs.length > 0) return graphFiles(files, onlyGraph(graphs))
  if (safetensors.length > 0) return safetensors
  const pickle = files.find(({ path }) => PICKLE.test(path))
  throw new VillageError(
    'HUB_NOTHING_TO_PULL',
    pickle === undefined
      ? 'The model has neither safetensors nor ONNX graphs'
      : `The model has its weights in ${pickle.path} alone, which is never read`,
  )
}

function succeeds(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch (error) {
    if (error instanceof VillageError) return false
    throw error
  }
}

function safetensorsFiles(files: readonly HubFile[]): HubFile[] {
  const whole = files.filter(({ path }) => path === WHOLE)
  if (whole.length > 0) return whole
  const shards = files.filter(({ path }) => SHARD.test(path))
  const index = files.filter(({ path }) => path === INDEX)
  return shards.length > 0 && index.length > 0 ? [...index, ...shards] : []
}

function onlyGraph(graphs: readonly string[]): string {
  const usual = ['model.onnx', 'onnx/model.onnx'].find((path) => graphs.includes(path))
  if (usual !== undefined) return usual
  if (graphs.length === 1) return graphs[0]!
  throw new VillageError(
    'INVALID_ARGUMENT',
    `The model has several graphs; choose one with --file: ${graphs.slice(0, 20).join(', ')}`,
    { fields: { argument: 'file' } },
  )
}

/** A graph with its external data, which lies beside it under a longer name. */
function graphFiles(files: readonly HubFile[], graph: string): HubFile[] {
  const chosen = files.filter(
    ({ path }) =>
      path === graph || (path.startsWith(graph) && /^(_data|\.data)(_\d+)?$/.test(path.slice(graph.length))),
  )
  if (!/\.onnx$/.test(graph) || !chosen.some(({ path }) => path === graph))
    throw new VillageError('HUB_NOT_FOUND', `The model has no graph ${graph}`, { fields: { file: graph } })
  return chosen
}
