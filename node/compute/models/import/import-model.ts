/**
 * From what somebody has, a file or a directory, to a model directory as the registry keeps it. Synchronous (building a graph
 * takes seconds to minutes): run it in a worker.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import { openShards, SAFETENSORS_FILE } from '../../safetensors/read.ts'
import { buildModel, refusePickle } from '../builder/build-model.ts'
import { importLlama2c } from '../builder/llama2c.ts'
import { loadChatTemplate } from '../chat-template.ts'
import { CID_TEXT, type CompressedFile, readCompressedFile } from '../compressed-file.ts'
import { describeModel, modelFiles } from '../describe-model.ts'
import { encodeLanguageCard, type LanguageCard } from '../language-card.ts'
import { type EncoderCard, encodeCard, readAnyCard } from '../model-card.ts'
import {
  ADAPTER_BASE,
  ADAPTER_CONFIG_FILE,
  ADAPTER_FILE,
  CARD_FILE,
  CONFIG_FILE,
  MODEL_FILE,
  SAFETENSORS_INDEX_FILE,
} from '../model-files.ts'
import { formatOf, type ModelFormat } from '../weight-source.ts'
import { writeWhole } from '../write-whole.ts'
import { aboutModel } from './about-model.ts'
import { checkGraph } from './check-graph.ts'
import { checkModel } from './check-model.ts'
import { chooseGraph, linkOrCopy, stageExtras, stageFiles, stageGraph, withoutLinks } from './choose-files.ts'
import { type CardAbout, cardOfGraph } from './graph-card.ts'

export interface ImportRequest {
  /** An .onnx or .safetensors file, a llama2.c checkpoint, or a model directory. */
  readonly from: string
  /** Empty; it becomes the model directory. */
  readonly outDir: string
  /** Empty; for files on the way. */
  readonly workDir: string
  /** Short name for the card. */
  readonly name: string
  /** Where it comes from, for the card. */
  readonly source: string
  /** Chooses a graph among several, relative to the directory. */
  readonly file: string | null
  /** Tokenizer of a llama2.c checkpoint. */
  readonly tokenizer: string | null
  /** Registers safetensors as they are, without a graph. */
  readonly weightsOnly: boolean
  /** Whether a graph that is built takes LoRA matrices as inputs. */
  readonly adapters: boolean
}

/** `adapter`: LoRA matrices of a training, for a language model. */
export type ModelKind = 'language' | 'encoder' | 'adapter' | ModelFormat

export interface ImportedModel {
  readonly kind: ModelKind
  /** Of its card; null where it has none. */
  readonly title: string | null
  readonly source: string | null
  readonly parameters: number
  /** CID of the model that it was trained or compressed from, as its files say; null where they say nothing. */
  readonly base: string | null
  /** What its owner should know of the files, each a sentence. */
  readonly notes: readonly string[]
}

const SAFETENSORS_NAME = /\.safetensors$/i
const ONNX_NAME = /\.onnx$/i

const invalidPath = (problem: string, cause?: unknown) =>
  new VillageError('INVALID_ARGUMENT', problem, { cause, fields: { argument: 'path' } })

/** Throws INVALID_ARGUMENT, TOKENIZER_INVALID, MODEL_MISMATCH, and what readers and builders throw. */
export function importModel(request: ImportRequest): ImportedModel {
  const { from, outDir } = request
  if (isDirectory(from)) importDirectory(request, from)
  else importFile(request)
  const modelPath = path.join(outDir, MODEL_FILE)
  const format = formatOf(modelPath)
  if (existsSync(path.join(outDir, ADAPTER_FILE)))
    return {
      kind: 'adapter',
      title: null,
      source: null,
      parameters: parametersOf(modelPath),
      base: baseOf(outDir),
      notes: [],
    }
  const card = format === 'onnx' && existsSync(path.join(outDir, CARD_FILE)) ? readAnyCard(outDir) : null
  if (card !== null) {
    checkGraph(modelPath, card)
    checkModel(outDir, card)
  }
  const compressed = format === 'onnx' ? readCompressedFile(outDir) : null
  return {
    kind: card === null ? format : card.task === 'text-generation' ? 'language' : 'encoder',
    title: card?.title ?? null,
    source: card?.source ?? null,
    // A graph also holds tables and defaults, which are no parameters.
    parameters: card?.parameters ?? parametersOf(modelPath),
    base: compressed?.model ?? null,
    notes: [
      ...notesOnCompression(compressed),
      ...(card === null ? notesOnWeights(request, format) : notesOnTemplate(outDir, card)),
    ],
  }
}

const notesOnCompression = (file: CompressedFile | null): string[] =>
  file === null
    ? []
    : [
        `its files say that it is compressed with ${file.codec}, to ${file.bitsPerWeight.toFixed(2)} bits a weight`,
      ]

/** Why weights that somebody may want to run cannot be. */
function notesOnWeights({ weightsOnly, from }: ImportRequest, format: ModelFormat): string[] {
  if (format !== 'safetensors' || weightsOnly) return []
  const missing = isDirectory(from) ? `${CONFIG_FILE} is missing` : `a single file has no ${CONFIG_FILE}`
  return [`${missing}: these are kept as weights, which can be compressed but not run`]
}

/** A model whose chat template is wrong still writes texts. */
function notesOnTemplate(modelDir: string, card: LanguageCard | EncoderCard): string[] {
  if (card.task !== 'text-generation') return []
  try {
    loadChatTemplate(modelDir)?.check()
    return []
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
    return [`its chat template cannot be used: ${error.message}`]
  }
}

/** Text of a stranger: what is no CID says nothing. */
function baseOf(adapterDir: string): string | null {
  using weights = openShards(adapterDir, [ADAPTER_FILE])
  const base = weights.shards[0]?.header.metadata[ADAPTER_BASE]
  return base !== undefined && CID_TEXT.test(base) ? base : null
}

const parametersOf = (modelPath: string) => describeModel(modelPath).parameters as number

function isDirectory(from: string): boolean {
  try {
    return statSync(from).isDirectory()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR'
    throw invalidPath(`${from} ${isMissing ? 'does not exist' : `cannot be read (${code})`}`, error)
  }
}

function importFile(request: ImportRequest): void {
  const { from, outDir, tokenizer, workDir } = request
  if (SAFETENSORS_NAME.test(from)) linkOrCopy(from, path.join(outDir, SAFETENSORS_FILE))
  else if (ONNX_NAME.test(from)) stageGraph(from, outDir)
  else if (tokenizer !== null) {
    const directory = path.join(workDir, 'llama2c')
    mkdirSync(directory)
    importLlama2c({ checkpoint: from, tokenizer, outDir: directory })
    build(request, directory)
  } else {
    if (/\.bin$/i.test(from))
      throw invalidPath(
        `${from}: for a llama2.c checkpoint give its tokenizer too, with --tokenizer tok512.bin`,
      )
    refusePickle(path.basename(from))
    throw invalidPath(`${from} is neither .onnx nor .safetensors`)
  }
}

function importDirectory(request: ImportRequest, given: string): void {
  const { outDir, workDir } = request
  if (isAdapter(given)) {
    stageFiles(given, outDir, [ADAPTER_FILE, ADAPTER_CONFIG_FILE])
    stageExtras(given, outDir, [CARD_FILE])
    return
  }
  const graph = chooseGraph(given, request.file)
  if (graph !== null) {
    stageGraph(graph, outDir)
    stageExtras(given, outDir)
    if (!existsSync(path.join(outDir, CARD_FILE))) addCard(request, given)
    return
  }
  const isWeights = formatOf(path.join(given, MODEL_FILE)) === 'safetensors'
  const directory = isWeights ? withoutLinks(given, path.join(workDir, 'plain')) : given
  const canBuild = isWeights && existsSync(path.join(directory, CONFIG_FILE))
  if (canBuild && !request.weightsOnly) {
    build(request, directory)
    return
  }
  stageFiles(directory, outDir, modelFiles(path.join(directory, MODEL_FILE)))
  stageExtras(directory, outDir)
}

/** LoRA matrices by themselves; beside a model they are left where they are. */
function isAdapter(directory: string): boolean {
  const has = (name: string) => existsSync(path.join(directory, name))
  if (!has(ADAPTER_FILE) || !has(ADAPTER_CONFIG_FILE) || has(MODEL_FILE)) return false
  return formatOf(path.join(directory, MODEL_FILE)) === 'onnx'
}

function build(request: ImportRequest, directory: string): void {
  const { outDir, adapters } = request
  buildModel({ modelDir: directory, outDir, adapters, about: aboutOf(request, directory) })
  // The card is the builder's, and the index speaks of files that are not kept.
  stageExtras(directory, outDir, [CARD_FILE, SAFETENSORS_INDEX_FILE])
}

function addCard(request: ImportRequest, directory: string): void {
  const { outDir } = request
  // The files of sentence-transformers that say how to pool lie beside the graph, and are not kept.
  const card = cardOfGraph({ graph: path.join(outDir, MODEL_FILE), directory }, aboutOf(request, directory))
  if (card !== null) writeWhole(path.join(outDir, CARD_FILE), encodeAnyCard(card))
}

const encodeAnyCard = (card: LanguageCard | EncoderCard): string =>
  card.task === 'text-generation' ? encodeLanguageCard(card) : encodeCard(card)

function aboutOf({ name, source }: ImportRequest, directory: string): CardAbout {
  return { name, source, ...aboutModel(directory, name) }
}
