/** An answer in a chat model's words, from the evidence alone and held to its citations. */
import { toVillageError } from '../../errors.ts'
import type { ChatMessage, ChatModel, ChatUsage } from '../chat/chat-model.ts'
import type { EvidencePack } from '../evidence.ts'
import { checkCitations } from '../rag/answers/citations.ts'
import { answerMessages } from '../rag/answers/prompt.ts'

export interface WrittenEvidence {
  /** Null where it wrote nothing that can be used. */
  readonly text: string | null
  /** Why not, for people; empty where it did. */
  readonly note: string
  readonly usage: ChatUsage | null
}

const MAX_TOKENS = 400
/** Of all sources together; halved for as long as the model's context is too short. */
const SOURCE_CHARACTERS = 8_000
const MIN_SOURCE_CHARACTERS = 500
const MAX_TEXT_CHARACTERS = 8_000

/** Throws the signal's reason only: the extract is at hand, and a model that fails is a note. */
export async function writeFromEvidence(
  model: ChatModel,
  { question, items }: EvidencePack,
  signal: AbortSignal,
): Promise<WrittenEvidence> {
  for (let characters = SOURCE_CHARACTERS; ; characters /= 2) {
    const messages: ChatMessage[] = answerMessages(question, items, characters).map(({ role, content }) =>
      role === 'system' ? { role, content: String(content) } : { role: 'user', content: String(content) },
    )
    try {
      const reply = await model.respond(
        { messages, sampling: { temperature: 0, maxTokens: MAX_TOKENS } },
        signal,
      )
      const checked = checkCitations(reply.text.slice(0, MAX_TEXT_CHARACTERS), items.length)
      const { usage } = reply
      if (checked.citations.length > 0) return { text: checked.text, note: '', usage }
      return {
        text: null,
        note: `(${model.id} wrote nothing with a citation: these are the documents.)`,
        usage,
      }
    } catch (error) {
      signal.throwIfAborted()
      const { code } = toVillageError(error)
      if (code === 'CONTEXT_TOO_LONG' && characters / 2 >= MIN_SOURCE_CHARACTERS) continue
      return {
        text: null,
        note: `(${model.id} wrote no answer, ${code}: these are the documents.)`,
        usage: null,
      }
    }
  }
}
