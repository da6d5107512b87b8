/** Files on their way into the registry: each addition has a directory of its own, which goes when it has ended. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Pool } from '../pool.ts'
import { needEmbedded } from './import/embedded-models.ts'
import type { ImportedModel } from './import/import-model.ts'
import { idFromPath } from './model-ids.ts'

export interface AddedPath {
  readonly path: string
  /** Chooses a graph among several, relative to the directory: `onnx/model_q4.onnx`. */
  readonly file?: string
  /** Tokenizer of a llama2.c checkpoint. */
  readonly tokenizer?: string
  /** Registers safetensors as they are, without a graph. */
  readonly weightsOnly?: boolean
  /** Whether a graph that is built takes LoRA matrices as inputs; it does if absent. */
  readonly adapters?: boolean
  /** What it is called where no id is wished for; made of the path if absent. */
  readonly name?: string
  /** Where the files come from; the name of the path if absent. */
  readonly source?: string
}

export type AddedModel = AddedPath | { readonly embedded: string }

/** A model directory that is complete, and what is known of it. */
export interface StagedModel extends ImportedModel {
  readonly directory: string
  /** The id where none is wished for. */
  readonly id: string
  readonly from: string
}

export interface Adding {
  /** Room for files: it goes when `use` has ended. What a crash left is removed before the first. */
  within<T>(use: (directory: string) => Promise<T>): Promise<T>
  /** Makes a model directory below `within`'s. Throws what importModel throws. */
  stage(given: AddedModel, within: string, signal: AbortSignal): Promise<StagedModel>
}

export function createAdding(components: { pool: Pick<Pool, 'run'> }, init: { directory: string }): Adding {
  const { pool } = components
  let cleaning: Promise<unknown> | undefined

  function cleaned(): Promise<unknown> {
    cleaning ??= rm(init.directory, { recursive: true, force: true }).then(() =>
      mkdir(init.directory, { recursive: true, mode: 0o700 }),
    )
    return cleaning
  }

  async function importPath(
    given: AddedPath & { id: string; source: string },
    within: string,
    signal: AbortSignal,
  ) {
    const directory = path.join(within, 'model')
    const workDir = path.join(within, 'work')
    await mkdir(directory)
    await mkdir(workDir)
    const { file = null, tokenizer = null, weightsOnly = false, adapters = true, source } = given
    const imported = await pool.run(
      'model.import',
      {
        from: given.path,
        outDir: directory,
        workDir,
        name: given.id,
        source,
        file,
        tokenizer,
        weightsOnly,
        adapters,
      },
      { signal },
    )
    return { ...imported, directory, id: given.id }
  }

  return {
    async within(use) {
      await cleaned()
      const directory = await mkdtemp(path.join(init.directory, 'model-'))
      try {
        return await use(directory)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
    async stage(given, within, signal) {
      if (!('embedded' in given)) {
        const source = given.source ?? path.basename(given.path)
        const staged = await importPath(
          { ...given, id: given.name ?? idFromPath(given.path), source },
          within,
          signal,
        )
        return { ...staged, from: source }
      }
      const { id, directory: shipped } = needEmbedded(given.embedded)
      if (shipped !== null)
        return {
          ...(await importPath({ path: shipped, id, source: 'embedded' }, within, signal)),
          from: 'embedded',
        }
      const written = path.join(within, 'written')
      await pool.run('encoder.write', { modelDir: written }, { signal })
      return {
        ...(await importPath({ path: written, id, source: 'embedded' }, within, signal)),
        from: 'embedded',
      }
    },
  }
}
