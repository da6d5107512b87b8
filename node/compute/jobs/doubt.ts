/**
 * Whether a finished job rests on a liar's word. A running job takes such results back; of a finished one the tasks and
 * their outputs are gone, so that all that can be done, and must be, is to say so. Pure functions.
 */
import type { ModelDoubt } from '../models/model-entry.ts'
import type { JobDoubt } from './job.ts'
import type { ResultRecord } from './queue.ts'

/** Results of a job that were taken on the word of the same peers. */
export interface Words {
  readonly vouchers: readonly string[]
  readonly tasks: number
}

/** The words that a job rests on: what this node computed itself or checked whole needs none. */
export function wordsOf(results: Iterable<Pick<ResultRecord, 'vouchers' | 'exact'>>): Words[] {
  const words = new Map<string, { vouchers: readonly string[]; tasks: number }>()
  for (const { vouchers, exact } of results) {
    if (exact) continue
    const sorted = [...vouchers].sort()
    const key = sorted.join(' ')
    const known = words.get(key) ?? { vouchers: sorted, tasks: 0 }
    known.tasks += 1
    words.set(key, known)
  }
  return [...words.values()]
}

/**
 * What of a job rests on peers that all were caught lying, the last of them since the job finished: results accepted later
 * came from a peer whose lie was known, and were checked accordingly. `lieAtMs` tells when a peer lied last.
 */
export function doubtOf(
  job: { readonly words: readonly Words[]; readonly finishedAtMs: number },
  lieAtMs: (peer: string) => number | null,
): JobDoubt | null {
  const peers = new Set<string>()
  let tasks = 0
  let sinceMs = 0
  for (const { vouchers, tasks: count } of job.words) {
    const lies = vouchers.map((peer) => lieAtMs(peer) ?? Number.NEGATIVE_INFINITY)
    if (Math.min(...lies) === Number.NEGATIVE_INFINITY || Math.max(...lies) < job.finishedAtMs) continue
    for (const peer of vouchers) peers.add(peer)
    tasks += count
    sinceMs = Math.max(sinceMs, ...lies)
  }
  return tasks === 0 ? null : { peers: [...peers].sort(), tasks, sinceMs }
}

export const sameDoubt = (a: JobDoubt | null, b: JobDoubt | null): boolean =>
  a?.sinceMs === b?.sinceMs && a?.tasks === b?.tasks && a?.peers.join() === b?.peers.join()

/** The doubt of a job as that of a model that it made. */
export const modelDoubt = (job: string, doubt: JobDoubt | null): ModelDoubt | null =>
  doubt === null ? null : { job, peers: doubt.peers, sinceMs: doubt.sinceMs }
