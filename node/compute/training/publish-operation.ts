/** The directory that a finished training gives: a model like the one it began with, or an adapter for it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { encodeLanguageCard, readLanguageCard } from '../models/language-card.ts'
import { CARD_FILE, COMPRESSED_FILE, MODEL_FILE } from '../models/model-files.ts'
import { copyExtras } from '../models/packed.ts'
import { replaceTensors } from '../onnx/replace-tensors.ts'
import { mergeAdapter, writeAdapter } from './merge-adapter.ts'
import { readTrained } from './train-operation.ts'
import type { TrainRun } from './train-run.ts'

export interface PublishRequest {
  /** The model that was trained. */
  readonly modelDir: string
  /** Its CID: an adapter goes with no other. */
  readonly modelCid: string
  /** Of the training. */
  readonly directory: string
  readonly outDir: string
  readonly run: TrainRun
  /** An adapter of its own instead of a model with changed weights. */
  readonly adapter: boolean
  /** What the new card says. */
  readonly name: string
  readonly title: string
  readonly source: string
}

/** Returns how many parameters it has. Throws TRAIN_CHECKPOINT_INVALID, NOT_FOUND. */
function writeTrained(request: PublishRequest): number {
  const { modelDir, modelCid, directory, outDir, run, adapter, name, title, source } = request
  const parameters = readTrained(directory)
  const card = readLanguageCard(modelDir)
  const modelPath = path.join(modelDir, MODEL_FILE)
  mkdirSync(outDir, { recursive: true })
  const init = { rank: run.rank, alpha: run.alpha, modules: card.adapters?.modules ?? [], parameters }
  const { architecture } = card
  if (adapter) return writeAdapter(outDir, { ...init, base: source, baseCid: modelCid, architecture })
  if (run.method === 'lora') mergeAdapter(modelPath, outDir, init)
  else replaceTensors(modelPath, outDir, new Map([...parameters].map(([key, values]) => [key, () => values])))
  rmSync(path.join(outDir, CARD_FILE), { force: true })
  writeFileSync(path.join(outDir, CARD_FILE), encodeLanguageCard({ ...card, name, title, source }))
  return card.parameters
}

/** As writeTrained(), with the tokenizer and the other small files of the model. */
export async function publishTrained(request: PublishRequest): Promise<{ parameters: number }> {
  mkdirSync(request.outDir, { recursive: true })
  if (!request.adapter) await copyExtras(request.modelDir, request.outDir)
  // What was said of the weights before they were trained is not true of these.
  rmSync(path.join(request.outDir, COMPRESSED_FILE), { force: true })
  return { parameters: writeTrained(request) }
}
