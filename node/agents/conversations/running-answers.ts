/** What goes on in conversations: one thing at a time in each, until it ends, is ended, or the daemon stops. */
import { VillageError } from '../../errors.ts'
import type { Answering, Transcript } from './conversation.ts'

/** Null: nothing is being answered, and nothing else may begin all the same. */
export type RunningAnswer = (Pick<Answering, 'agent' | 'atMs'> & { readonly transcript: Transcript }) | null

export interface RunningAnswers {
  /** Does `work` while nothing else goes on in the conversation. Throws CONVERSATION_BUSY, and what `work` throws. */
  alone<T>(id: string, answer: RunningAnswer, work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** As far as it has come. */
  get(id: string): Answering | null
  /** Whether there is an answer, and not something else that goes on. */
  isAnswering(id: string): boolean
  /** Resolves when it has ended; does nothing where nothing goes on. */
  end(id: string, reason: VillageError): Promise<void>
  endAll(reason: VillageError): Promise<void>
}

interface Entry {
  readonly controller: AbortController
  readonly answer: RunningAnswer
  readonly ended: Promise<void>
}

export function createRunningAnswers(): RunningAnswers {
  const running = new Map<string, Entry>()

  async function endEntry({ controller, ended }: Entry, reason: VillageError): Promise<void> {
    controller.abort(reason)
    await ended
  }

  return {
    async alone(id, answer, work) {
      if (running.has(id)) throw new VillageError('CONVERSATION_BUSY')
      const controller = new AbortController()
      const ended = Promise.withResolvers<void>()
      running.set(id, { controller, answer, ended: ended.promise })
      try {
        return await work(controller.signal)
      } finally {
        running.delete(id)
        ended.resolve()
      }
    },
    get(id) {
      const answer = running.get(id)?.answer ?? null
      if (answer === null) return null
      const { transcript, ...facts } = answer
      return { ...facts, ...transcript.soFar() }
    },
    isAnswering: (id) => (running.get(id)?.answer ?? null) !== null,
    async end(id, reason) {
      const entry = running.get(id)
      if (entry !== undefined) await endEntry(entry, reason)
    },
    async endAll(reason) {
      await Promise.all([...running.values()].map((entry) => endEntry(entry, reason)))
    },
  }
}
