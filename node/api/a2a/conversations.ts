/** What was said in a context of A2A, so that a later message of it is understood; in memory, bounded, by asker. */
import type { ChatMessage } from '../../agents/chat/chat-model.ts'

const MAX_CONTEXTS = 256
const MAX_TURNS = 32
const MAX_UNITS = 64 * 1024

type Turn = ChatMessage & { readonly role: 'user' | 'assistant' }

export interface Conversations {
  /** The turns before this one, oldest first. */
  turns(owner: string, context: string): readonly Turn[]
  add(owner: string, context: string, question: string, answer: string): void
  forget(owner: string): void
}

const units = (turns: readonly Turn[]) => turns.reduce((sum, { content }) => sum + content.length, 0)

export function createConversations(): Conversations {
  const contexts = new Map<string, { owner: string; turns: readonly Turn[] }>()
  const key = (owner: string, context: string) => JSON.stringify([owner, context])
  return {
    turns: (owner, context) => contexts.get(key(owner, context))?.turns ?? [],
    add(owner, context, question, answer) {
      const name = key(owner, context)
      let turns: readonly Turn[] = [
        ...(contexts.get(name)?.turns ?? []),
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ]
      // A question goes with its answer.
      while (turns.length > 0 && (turns.length > MAX_TURNS || units(turns) > MAX_UNITS))
        turns = turns.slice(2)
      contexts.delete(name)
      contexts.set(name, { owner, turns })
      const oldest = contexts.size > MAX_CONTEXTS ? contexts.keys().next().value : undefined
      if (oldest !== undefined) contexts.delete(oldest)
    },
    forget(owner) {
      for (const [name, row] of contexts) if (row.owner === owner) contexts.delete(name)
    },
  }
}
