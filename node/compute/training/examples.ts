/** Training documents as tokens, and which of them are learned. */
import type { ChatTemplate } from '../models/chat-template.ts'
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
  readonly template: ChatTemplate | null
  /** Ends every document; null where the model has no such token. */
  readonly endToken: number | null
}

interface Part {
  readonly tokens: readonly number[]
  readonly counted: boolean
}

const repeat = (counted: boolean, count: number): boolean[] => Array.from({ length: count }, () => counted)

function exampleOf(parts: readonly Part[]): Example {
  return {
    tokens: parts.flatMap(({ tokens }) => tokens),
    counted: parts.flatMap(({ tokens, counted }) => repeat(counted, tokens.length)),
    isMasked: parts.some(({ counted }) => !counted),
  }
}

/** Throws TRAIN_DATA_INVALID with file and line. */
export function encodeDocument(placed: PlacedDocument, init: ExampleInit): Example {
  const { document, file, line } = placed
  const { tokenizer, endToken } = init
  const ended = (tokens: readonly number[]): readonly number[] =>
    endToken === null || tokens.at(-1) === endToken ? tokens : [...tokens, endToken]
  const opened = (text: string): readonly number[] => {
    const tokens = tokenizer.encode(text, { specialTokens: true })
    // A tokenizer that closes what it opens would end the document before the answer.
    return endToken !== null && tokens.at(-1) === endToken ? tokens.slice(0, -1) : tokens
  }
  switch (document.kind) {
    case 'text':
      return exampleOf([
        { tokens: ended(tokenizer.encode(document.text, { specialTokens: true })), counted: true },
      ])
    case 'completion':
      return exampleOf([
        { tokens: opened(document.prompt), counted: false },
        { tokens: ended(tokenizer.encode(document.completion)), counted: true },
      ])
    case 'messages':
      return exampleOf(conversation(document.messages, placed, init))
  }
  throw invalidData(file, line, 'it is of no known kind')
}

/**
 * A conversation in the parts that its template makes of it. The template is asked for every beginning that ends before or after
 * an answer: what an answer adds to the text is learned, the rest is not.
 */
function conversation(
  messages: readonly { readonly role: string }[],
  { file, line }: PlacedDocument,
  { template, tokenizer }: ExampleInit,
): Part[] {
  if (template === null)
    throw invalidData(file, line, 'it is a conversation, and the model has no chat template')
  const given = messages as Parameters<ChatTemplate['render']>[0]['messages']
  const render = (count: number, addGenerationPrompt: boolean) =>
    template.render({ messages: given.slice(0, count), addGenerationPrompt })
  const parts: Part[] = []
  let text = ''
  const add = (next: string, counted: boolean): void => {
    if (!next.startsWith(text))
      throw invalidData(
        file,
        line,
        'the chat template writes earlier messages anew as the conversation goes on',
      )
    if (next.length > text.length) parts.push({ tokens: tokenizer.encode(next.slice(text.length)), counted })
    text = next
  }
  for (const [index, { role }] of messages.entries()) {
    if (role !== 'assistant') continue
    add(render(index, true), false)
    add(render(index + 1, false), true)
  }
  return parts
}
