/** Writes a candidate: a model like another with other values in some tensors, and a card of its own. Runs in worker threads. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { encodeLanguageCard } from '../../compute/models/language-card.ts'
import { encodeCard, readAnyCard } from '../../compute/models/model-card.ts'
import { CARD_FILE, COMPRESSED_FILE, MODEL_FILE, README_FILE } from '../../compute/models/model-files.ts'
import { copyExtras } from '../../compute/models/packed.ts'
import { replaceTensors, type TensorValues } from '../../compute/onnx/replace-tensors.ts'
import type { JsonObject } from '../../json.ts'

/** What the card of a winner says; a candidate that is only scored keeps that of the model it was made from. */
export interface CandidateName extends JsonObject {
  readonly name: string
  readonly title: string
  readonly source: string
}

export async function writeCandidate(init: {
  readonly modelDir: string
  readonly outDir: string
  readonly values: TensorValues
  readonly card: CandidateName | null
}): Promise<void> {
  const { modelDir, outDir, values, card } = init
  mkdirSync(outDir, { recursive: true })
  await copyExtras(modelDir, outDir)
  // What others wrote of the weights is not true of these.
  for (const file of [README_FILE, COMPRESSED_FILE]) rmSync(path.join(outDir, file), { force: true })
  replaceTensors(path.join(modelDir, MODEL_FILE), outDir, values)
  if (card === null) return
  const before = readAnyCard(modelDir)
  const after =
    before.task === 'text-generation'
      ? encodeLanguageCard({ ...before, ...card })
      : encodeCard({ ...before, ...card })
  rmSync(path.join(outDir, CARD_FILE), { force: true })
  writeFileSync(path.join(outDir, CARD_FILE), after)
}
