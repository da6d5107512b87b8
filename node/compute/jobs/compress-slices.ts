/** The slices of a compressed model as the files that its packed form keeps them in. */
import { mkdir, open, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { addEncodeStats, type EncodeStats } from '../codecs/encode-stats.ts'
import { CODEBOOKS_DIRECTORY, SLICES_DIRECTORY } from '../models/packed.ts'
import type { JobContext, TaskResult } from './job.ts'

/** What the compress job hands over of one weight. */
export interface SlicedWeight {
  readonly name: string
  readonly cols: number
  /** Name of the codec; weights of one model may have different ones. */
  readonly codec: string
  /** Of the codec, fitted to the whole tensor. */
  readonly params: JsonObject
  /** CID of the codebook (a file), which several weights may share; null for codecs without one. */
  readonly codebook: string | null
  /** In the order of their rows. */
  readonly slices: TaskResult[]
}

export interface WrittenWeight {
  readonly source: SlicedWeight
  readonly stats: EncodeStats
  readonly sliceBytes: number[]
  /** Below the packed directory. */
  readonly file: string
  readonly codebook: PackedCodebook | null
}

/** One object for all weights that share it. */
export interface PackedCodebook {
  /** Below the packed directory. */
  readonly file: string
  readonly sizeBytes: number
}

function statsOf(result: TaskResult): EncodeStats {
  const number = (name: string): number => {
    const value = result.stats[name]
    if (typeof value !== 'number') throw new VillageError('DATA_CORRUPT', `A stored result has no "${name}"`)
    return value
  }
  return {
    weights: number('weights'),
    packedBytes: number('packedBytes'),
    squaredError: number('squaredError'),
    squaredNorm: number('squaredNorm'),
    maxAbsError: number('maxAbsError'),
    // Where the slices were calibrated.
    ...(result.stats.weightedError !== undefined && {
      weightedError: number('weightedError'),
      weightedNorm: number('weightedNorm'),
    }),
  }
}

const numbered = (index: number) => index.toString().padStart(4, '0')

/** Writes the slices of every weight one after another into a file of its own, and every codebook once. */
export async function writeSlices(
  weights: readonly SlicedWeight[],
  packedDir: string,
  { artifacts, signal }: Pick<JobContext, 'artifacts' | 'signal'>,
): Promise<WrittenWeight[]> {
  await mkdir(path.join(packedDir, SLICES_DIRECTORY), { recursive: true })
  const written: WrittenWeight[] = []
  const codebooks = new Map<string, PackedCodebook>()
  for (const [index, source] of weights.entries()) {
    const file = `${SLICES_DIRECTORY}/${numbered(index)}.vslc`
    const handle = await open(path.join(packedDir, file), 'wx')
    const sliceBytes: number[] = []
    let stats: EncodeStats | undefined
    try {
      for (const result of source.slices) {
        signal.throwIfAborted()
        const bytes = await result.read()
        await handle.writeFile(bytes)
        sliceBytes.push(bytes.byteLength)
        stats = stats === undefined ? statsOf(result) : addEncodeStats(stats, statsOf(result))
      }
    } finally {
      await handle.close()
    }
    if (source.codebook !== null && !codebooks.has(source.codebook)) {
      const file = `${CODEBOOKS_DIRECTORY}/${numbered(codebooks.size)}.vqcb`
      const target = path.join(packedDir, file)
      await mkdir(path.join(packedDir, CODEBOOKS_DIRECTORY), { recursive: true })
      await writeFile(target, artifacts.stream(source.codebook, { signal }))
      codebooks.set(source.codebook, { file, sizeBytes: (await stat(target)).size })
    }
    const codebook = source.codebook === null ? null : codebooks.get(source.codebook)!
    written.push({ source, stats: stats!, sliceBytes, file, codebook })
  }
  return written
}
