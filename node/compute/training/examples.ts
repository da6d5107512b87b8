/** Training documents as tokens, and which of them are learned. */
import type { ChatMessage, ChatTemplate } from '../models/chat-template.ts'
import type { LanguageTokenizer } from '../models/tokenizer.ts'
import { invalidData, type PlacedDocument } from './documents.ts'

export interface Example {
  readonly tokens: readonly number[]
  /** Of each token, whether the model is to learn to say it. */
  readonly counted: readonly boolean[]
  /** Whether only a part of it is learned: such an example gets rows of its own. */
  readonly isMasked: boolean
}

export interface ExampleInit {
  readonly tokenizer: Pick<LanguageTokenizer, 'encode'>
  /** Null where the model has none; conversations are then refused. */
  readonly template: Pick<ChatTemplate, 'render'> | null
  /** Ends every document; null where the model has no such token. */
  readonly endToken: number | null
}

/** A stretch of the text that the model sees. */
interface Part {
  readonly text: string
  readonly counted: boolean
}

type Encode = (text: string) => readonly number[]

const repeat = (counted: boolean, count: number): boolean[] => Array.from({ length: count }, () => counted)

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return length
}

/**
 * Parts of one text. It is tokenised as a whole, as it is when the model runs: a part by itself may have other tokens (a space in
 * front of it, letters that merge across its border). A part ends where the tokens of the text up to there part from those of
 * the whole (lm-evaluation-harness tells context and continuation apart alike).
 */
function exampleOf(parts: readonly Part[], encode: Encode): Example {
  const tokens = encode(parts.map(({ text }) => text).join(''))
  const counted: boolean[] = []
  let text = ''
  for (const [index, part] of parts.entries()) {
    text += part.text
    const isLast = index === parts.length - 1
    const end = isLast ? tokens.length : commonLength(encode(text), tokens)
    counted.push(...repeat(part.counted, Math.max(0, end - counted.length)))
  }
  return { tokens, counted, isMasked: parts.some((part) => !part.counted) }
}

/** With the end token, which is learned, unless the tokens end with it. */
function ended(example: Example, endToken: number | null): Example {
  const { tokens, counted, isMasked } = example
  if (endToken === null || tokens.at(-1) === endToken) return example
  return { tokens: [...tokens, endToken], counted: [...counted, true], isMasked }
}

/** Throws TRAIN_DATA_INVALID with file and line. */
export function encodeDocument(placed: PlacedDocument, init: ExampleInit): Example {
  const { document } = placed
  const { tokenizer, endToken } = init
  const opened: Encode = (text) => {
    const tokens = tokenizer.encode(text, { specialTokens: true })
    // A tokenizer that closes what it opens would end a prompt before its answer.
    return endToken !== null && tokens.at(-1) === endToken ? tokens.slice(0, -1) : tokens
  }
  switch (document.kind) {
    case 'text':
      return ended(exampleOf([{ text: document.text, counted: true }], opened), endToken)
    case 'completion': {
      const parts = [
        { text: document.prompt, counted: false },
        { text: document.completion, counted: true },
      ]
      return ended(exampleOf(parts, opened), endToken)
    }
    case 'messages': {
      const encode: Encode = (text) => tokenizer.encode(text)
      return exampleOf(conversation(document.messages, placed, init.template), encode)
    }
  }
}

/**
 * A conversation in the parts that its template makes of it. The template is asked for every beginning that ends before or after
 * an answer: what an answer adds to the text is learned, the rest is not.
 */
function conversation(
  messages: readonly ChatMessage[],
  { file, line }: PlacedDocument,
  template: Pick<ChatTemplate, 'render'> | null,
): Part[] {
  if (template === null)
    throw invalidData(file, line, 'it is a conversation, and the model has no chat template')
  const parts: Part[] = []
  let text = ''
  const add = (count: number, counted: boolean): void => {
    const next = template.render({ messages: messages.slice(0, count), addGenerationPrompt: !counted })
    if (!next.startsWith(text))
      throw invalidData(
        file,
        line,
        'the chat template writes earlier messages anew as the conversation goes on',
      )
    parts.push({ text: next.slice(text.length), counted })
    text = next
  }
  for (const [index, { role }] of messages.entries()) {
    if (role !== 'assistant') continue
    add(index, false)
    add(index + 1, true)
  }
  return parts
}
