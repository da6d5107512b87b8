/** Merging in worker threads: rows of the pool's table. */
import { rmSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { withoutLinks } from '../../compute/models/import/choose-files.ts'
import { VillageError } from '../../errors.ts'
import type { JsonValue } from '../../json.ts'
import { hashModelFiles } from './hash-files.ts'
import { type MergeAbout, type WrittenMerge, writeMerge } from './merge-files.ts'
import { type MergeModel, openMergeSources } from './merge-sources.ts'
import { mergeTensor } from './merge-tensor.ts'
import { openParts, type PartFile } from './part-files.ts'
import type { PlannedTensor } from './plan.ts'
import { parseRecipe } from './recipe.ts'
import { createTensorCache } from './tensor-cache.ts'

/** What a thread keeps of parents: four copies of a model of eight million weights. */
const CACHE_BYTES = 128 * 2 ** 20
const cache = createTensorCache({ maxBytes: CACHE_BYTES })

export interface MergeRequest {
  /** As parseRecipe takes it. */
  readonly recipe: JsonValue
  /** A row for every model that the recipe names. */
  readonly models: readonly MergeModel[]
}

export interface MergeBuildRequest extends MergeRequest {
  /** Empty or missing; it becomes the model directory. */
  readonly outDir: string
  /** Empty or missing; for files on the way. */
  readonly workDir: string
  /** In place of what follows from recipe and models. */
  readonly about?: MergeAbout
  /** Tensors that were merged before, by tasks; the others are merged here. */
  readonly parts?: readonly PartFile[]
}

export interface MergedModel extends WrittenMerge {
  readonly title: string
  readonly tensors: number
  readonly ms: number
}

export interface TensorSize {
  readonly name: string
  readonly elements: number
}

const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

export const MERGE_OPERATIONS = {
  /**
   * A whole merge on this machine. Nothing is left in `outDir` when it fails. Throws MERGE_*, INVALID_ARGUMENT, and what readers and
   * builders throw.
   */
  async 'merge.build'(
    input: MergeBuildRequest,
    signal: AbortSignal,
    progress: (share: number) => void = () => {},
  ): Promise<MergedModel> {
    const startMs = performance.now()
    const recipe = parseRecipe(input.recipe)
    using sources = openMergeSources(recipe, input.models, cache)
    using parts = openParts(input.parts ?? [])
    const { plan, dtype } = sources
    const about = input.about ?? sources.about()
    let done = 0
    try {
      const written = await writeMerge({
        plan,
        template: sources.source(plan.template),
        dtype,
        about,
        outDir: input.outDir,
        workDir: input.workDir,
        tokenizer: sources.tokenizer,
        signal,
        values(tensor) {
          progress(done++ / plan.tensors.length)
          return (
            parts.read(tensor.name, elementsOf(tensor.shape)) ??
            mergeTensor(plan, tensor, sources.reader(tensor))
          )
        },
      })
      return { ...written, title: about.title, tensors: plan.tensors.length, ms: performance.now() - startMs }
    } catch (error) {
      rmSync(input.outDir, { recursive: true, force: true })
      throw error
    }
  },

  /** What a recipe gives, without merging anything: every output tensor in order. */
  async 'merge.survey'(input: MergeRequest): Promise<{ tensors: TensorSize[]; models: number }> {
    const recipe = parseRecipe(input.recipe)
    using sources = openMergeSources(recipe, input.models, cache)
    const tensors = sources.plan.tensors.map(({ name, shape }) => ({ name, elements: elementsOf(shape) }))
    return { tensors, models: sources.models.length }
  },

  /** Output tensors `from` to `end` − 1 of the plan, one after another as float32. */
  async 'merge.tensors'(
    input: MergeRequest & { readonly from: number; readonly end: number },
    signal: AbortSignal,
    progress: (share: number) => void = () => {},
  ): Promise<Float32Array> {
    const recipe = parseRecipe(input.recipe)
    using sources = openMergeSources(recipe, input.models, cache)
    const tensors = tensorsBetween(sources.plan.tensors, input)
    const joined = new Float32Array(tensors.reduce((sum, { shape }) => sum + elementsOf(shape), 0))
    let at = 0
    for (const [index, tensor] of tensors.entries()) {
      const merged = mergeTensor(sources.plan, tensor, sources.reader(tensor))
      joined.set(merged, at)
      at += merged.length
      progress((index + 1) / tensors.length)
      await setImmediate()
      signal.throwIfAborted()
    }
    return joined
  },

  /**
   * Merges some of the tensors of a slice again and compares them bit by bit: `chosen` are indexes of the plan. Returns the name of the
   * first that differs, or null.
   */
  async 'merge.check'(
    input: MergeRequest & {
      readonly from: number
      readonly end: number
      readonly chosen: readonly number[]
      readonly bytes: Uint8Array
    },
    signal: AbortSignal,
  ): Promise<string | null> {
    const recipe = parseRecipe(input.recipe)
    using sources = openMergeSources(recipe, input.models, cache)
    const tensors = tensorsBetween(sources.plan.tensors, input)
    let offset = 0
    for (const [index, tensor] of tensors.entries()) {
      const sizeBytes = elementsOf(tensor.shape) * 4
      const given = input.bytes.subarray(offset, offset + sizeBytes)
      offset += sizeBytes
      if (!input.chosen.includes(input.from + index)) continue
      const { buffer, byteOffset, byteLength } = mergeTensor(sources.plan, tensor, sources.reader(tensor))
      if (Buffer.compare(given, new Uint8Array(buffer, byteOffset, byteLength)) !== 0) return tensor.name
      await setImmediate()
      signal.throwIfAborted()
    }
    return null
  },

  /**
   * The directory itself, or where its files are symbolic links, as in the cache of a hub, one with what they lead to: readers of weights
   * follow no links.
   */
  async 'merge.plain'(input: { readonly directory: string; readonly plainDir: string }): Promise<string> {
    rmSync(input.plainDir, { recursive: true, force: true })
    return withoutLinks(input.directory, input.plainDir)
  },

  /** SHA-256 of every file of a directory that a merge could read: what its report states of a model that is no artifact. */
  async 'merge.hash'(input: { readonly directory: string }): Promise<Record<string, string>> {
    return hashModelFiles(input.directory)
  },
}

function tensorsBetween(
  tensors: readonly PlannedTensor[],
  { from, end }: { readonly from: number; readonly end: number },
): readonly PlannedTensor[] {
  if (from < end && end <= tensors.length) return tensors.slice(from, end)
  throw new VillageError(
    'INVALID_ARGUMENT',
    `The merge has ${tensors.length} tensors, not those up to ${end}`,
    {
      fields: { argument: 'end' },
    },
  )
}
