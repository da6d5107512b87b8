/** A check of `village doctor` that only a running daemon can make. */
import type { Collections } from '../agents/rag/collections/collections.ts'
import type { Check } from '../doctor.ts'

/** Whether every collection of this node can be read. */
export async function checkCollections(
  collections: Pick<Collections, 'list' | 'unreadable'>,
): Promise<Check> {
  const all = await collections.list()
  const bad = [
    ...all.flatMap(({ name, problem }) => (problem === null ? [] : [`${name} (${problem.code})`])),
    ...collections.unreadable().map(({ id, name, problem }) => `${name ?? id} (${problem.code})`),
  ]
  const name = 'collections'
  if (bad.length === 0) return { name, level: 'ok', message: `${all.length} can be read`, fix: null }
  return {
    name,
    level: 'fail',
    message: `cannot be read: ${bad.join(', ')}`,
    fix: 'Restore from a backup, or `village collection rm NAME` and index again; the log of the daemon says more.',
  }
}
