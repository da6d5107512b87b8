/** What two models have in common: how alike their layers see the same texts, and the loss between them. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import { readLanguageCard } from '../../compute/models/language-card.ts'
import { apartBecause, BARRIER_TEXTS, type Barrier, barrierOf, lossLine } from './barrier.ts'
import { type AlignedSet, type Alignment, alignedSet, alignment } from './cka.ts'
import { evenly, type LayerPoints, readsTexts, textPoints } from './text-points.ts'

/** Layers of each model that are compared with all of the other. */
const MAX_COMPARED = 16
/** The kernel matrices of all layers stay in memory, a MiB each. */
const ALIGNED_TEXTS = 512
const CKA_SHARE = 0.5

export interface ModelComparison {
  /** Debiased alignment of every layer of the first with every layer of the second; null where one of them reads no texts. */
  readonly alignment: {
    readonly first: readonly string[]
    readonly second: readonly string[]
    readonly debiased: readonly (readonly number[])[]
    /** Layers of the same name, with both estimates. */
    readonly same: readonly ({ readonly layer: string } & Alignment)[]
  } | null
  /** With the number of tokens: a loss above its logarithm is worse than chance. */
  readonly barrier: (Barrier & { readonly vocabulary: number }) | null
  /** Why there is no barrier to tell; null where there is one, or none was asked for. */
  readonly noBarrier: string | null
}

export interface CompareRequest {
  readonly firstDirectory: string
  readonly secondDirectory: string
  readonly workDirectory: string
  readonly texts: readonly string[]
  /** Models on the line, the ends among them; 0 for no barrier. */
  readonly barrierPoints: number
}

interface Aligned {
  readonly layer: string
  readonly set: AlignedSet
}

export async function compareModels(
  components: { kernels: Pick<MomentsKernels, 'addMoments'> },
  request: CompareRequest,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<ModelComparison> {
  const { firstDirectory, secondDirectory, barrierPoints, texts } = request
  const bothRead = readsTexts(firstDirectory) && readsTexts(secondDirectory)
  const compared = bothRead
    ? await align(components, request, signal, (share) => progress(share * CKA_SHARE))
    : null
  if (barrierPoints === 0) return { alignment: compared, barrier: null, noBarrier: null }
  const noBarrier = bothRead
    ? apartBecause(firstDirectory, secondDirectory)
    : 'only models that read texts have a loss on them'
  if (noBarrier !== null) return { alignment: compared, barrier: null, noBarrier }
  const line = await lossLine(
    { ...request, texts: evenly(texts, BARRIER_TEXTS), points: barrierPoints },
    signal,
    (share) => progress(CKA_SHARE + (1 - CKA_SHARE) * share),
  )
  const { vocabulary } = readLanguageCard(firstDirectory)
  return { alignment: compared, barrier: { ...barrierOf(line), vocabulary }, noBarrier: null }
}

async function align(
  { kernels }: { kernels: Pick<MomentsKernels, 'addMoments'> },
  { firstDirectory, secondDirectory, workDirectory, texts }: CompareRequest,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<ModelComparison['alignment']> {
  const looked = evenly(texts, ALIGNED_TEXTS)
  const points = async (modelDirectory: string) =>
    textPoints({ modelDirectory, workDirectory, texts: looked }, signal, () => {})
  const [a, b] = [await points(firstDirectory), await points(secondDirectory)]
  // A text without a token for one of the two says nothing about either.
  const both = a.kept.filter((text) => b.kept.includes(text))
  const setsOf = ({ layers, kept }: typeof a): Aligned[] =>
    layers.map(({ layer, points: own }) => ({ layer, set: alignedSet(only(own, kept, both), kernels) }))
  const [first, second] = [setsOf(a), setsOf(b)]
  const same: ({ layer: string } & Alignment)[] = []
  for (const { layer, set } of first) {
    await nextTurn()
    signal.throwIfAborted()
    const other = second.find((one) => one.layer === layer)
    if (other !== undefined) same.push({ layer, ...alignment(set, other.set) })
    progress(same.length / first.length / 2)
  }
  const [rows, cols] = [evenly(first, MAX_COMPARED), evenly(second, MAX_COMPARED)]
  const debiased: number[][] = []
  for (const { set } of rows) {
    await nextTurn()
    signal.throwIfAborted()
    debiased.push(cols.map((other) => alignment(set, other.set).debiased))
    progress(0.5 + debiased.length / rows.length / 2)
  }
  const names = (sets: readonly Aligned[]) => sets.map(({ layer }) => layer)
  return { first: names(rows), second: names(cols), debiased, same }
}

function only(points: LayerPoints['points'], kept: readonly number[], wanted: readonly number[]) {
  if (kept.length === wanted.length) return points
  const { values, dims } = points
  const picked = new Float32Array(wanted.length * dims)
  for (const [to, text] of wanted.entries()) {
    const from = kept.indexOf(text)
    picked.set(values.subarray(from * dims, (from + 1) * dims), to * dims)
  }
  return { values: picked, count: wanted.length, dims }
}
