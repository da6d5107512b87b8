/** What a process does to an index, step by step, from a seed: who kills it knows what must be there. */
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import type { IndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { documentId, madeDocument } from './index-documents.ts'
import { seededRandom } from './rag-documents.ts'

export const PLAN_DIMS = 8
export const PLAN_SETTINGS = { maxSegmentChunks: 60, dims: PLAN_DIMS }
const NAMES = 80

/** What happens between two commits, and after the second. */
export interface PlannedCommit {
  readonly changes: readonly (
    | { readonly kind: 'add'; readonly documents: readonly IndexedDocument[] }
    | { readonly kind: 'remove'; readonly ids: readonly string[] }
  )[]
  readonly then: 'nothing' | 'maintain' | 'compact' | 'join'
}

/** The commit of this number, counted from 0; any of them can be asked for alone. */
export function plannedCommit(seed: number, number: number): PlannedCommit {
  const random = seededRandom(seed * 100_003 + number)
  const below = (limit: number): number => Math.floor(random() * limit)
  const changes = Array.from({ length: 1 + below(3) }, () => {
    if (random() < 0.25) {
      const ids = Array.from({ length: 1 + below(10) }, () => documentId(`d${below(NAMES)}`))
      return { kind: 'remove' as const, ids }
    }
    const documents = Array.from({ length: 1 + below(12) }, () =>
      madeDocument({ name: `d${below(NAMES)}`, revision: number, chunks: 1 + below(4), dims: PLAN_DIMS }),
    )
    return { kind: 'add' as const, documents }
  })
  const luck = random()
  const then = luck < 0.4 ? 'maintain' : luck < 0.5 ? 'compact' : luck < 0.55 ? 'join' : 'nothing'
  return { changes, then }
}

/** Documents by id after one more commit. */
export function afterCommit(
  before: ReadonlyMap<string, IndexedDocument>,
  { changes }: PlannedCommit,
): Map<string, IndexedDocument> {
  const after = new Map(before)
  for (const change of changes)
    if (change.kind === 'remove') for (const id of change.ids) after.delete(id)
    else for (const document of change.documents) after.set(document.record.id, document)
  return after
}

/** Does the changes of a commit, without committing them. */
export function makeChanges(writer: IndexWriter, { changes }: PlannedCommit): void {
  for (const change of changes)
    if (change.kind === 'remove') writer.remove(change.ids)
    else writer.add(change.documents)
}

export function doAfter(writer: IndexWriter, { then }: PlannedCommit): void {
  if (then === 'maintain') for (let more = true; more; ) more = writer.maintain()
  else if (then !== 'nothing') writer.compact({ merge: then === 'join' })
}
