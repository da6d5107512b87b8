/** Models that candidates are made of: found by id or CID, made local, and held against one another. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readLanguageCard } from '../../compute/models/language-card.ts'
import { TOKENIZER_FILE } from '../../compute/models/model-files.ts'
import { VillageError } from '../../errors.ts'
import type { WorkloadContext } from './workload.ts'

/** CIDs of models of the registry. Throws MODEL_UNKNOWN, INVALID_ARGUMENT for one of another kind. */
export async function modelCids(
  idsOrCids: readonly string[],
  kind: 'language' | 'encoder',
  context: WorkloadContext,
): Promise<string[]> {
  const entries = await Promise.all(idsOrCids.map((one) => context.models.need(one)))
  const other = entries.find((entry) => entry.kind !== kind)
  if (other !== undefined)
    throw new VillageError('INVALID_ARGUMENT', `"${other.id}" is of the kind ${other.kind}, not ${kind}`, {
      fields: { argument: 'models', model: other.id },
    })
  return entries.map(({ cid }) => cid)
}

/** Directories of models that are here. */
export const materialize = (cids: readonly string[], context: WorkloadContext): Promise<string[]> =>
  Promise.all(cids.map((cid) => context.artifacts.materialize(cid, context.modelsDirectory)))

/**
 * Blocks of language models that are to be merged. Throws EVOLVE_MODELS_DIFFER unless graph, tokenizer and tensors are alike,
 * MODEL_UNSUPPORTED for graphs that the builder did not write.
 */
export async function checkAlike(
  directories: readonly string[],
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<{ layers: number }> {
  const cards = directories.map((directory) => readLanguageCard(directory))
  const [first] = cards
  const foreign = cards.find(({ layout }) => layout !== 'village')
  if (foreign !== undefined)
    throw new VillageError(
      'MODEL_UNSUPPORTED',
      `"${foreign.name}" came as a graph: only models built here are merged`,
    )
  const tokenizers = directories.map((directory) => readFileSync(path.join(directory, TOKENIZER_FILE)))
  for (const [index, card] of cards.entries()) {
    const differs = (['architecture', 'layers', 'vocabulary', 'headSize'] as const).find(
      (field) => card[field] !== first![field],
    )
    const what = differs ?? (tokenizers[index]!.equals(tokenizers[0]!) ? null : 'tokenizer')
    if (what !== null)
      throw new VillageError(
        'EVOLVE_MODELS_DIFFER',
        `"${card.name}" has another ${what} than "${first!.name}"`,
        {
          fields: { model: card.name, what },
        },
      )
  }
  await context.pool.run('workload.mergeable', { models: directories }, { signal })
  return { layers: first!.layers }
}
