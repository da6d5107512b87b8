/** Whether the files of a model belong together, looked at once, before it is registered. */
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import type { LanguageCard } from '../language-card.ts'
import type { EncoderCard } from '../model-card.ts'
import { TOKENIZER_FILE } from '../model-files.ts'
import { loadLanguageTokenizer, loadTokenizer } from '../tokenizer.ts'
import { invalidTokenizer } from '../tokenizer-file.ts'
import { OutOfTime, withinTime } from '../within-time.ts'

const TOKENIZER_TIME_MS = 10_000
const LONG = 4_000
/** Texts that make badly made regular expressions go astray, and some that are just texts. */
const PROBES = [
  'The quick brown fox jumps over 13 lazy dogs, doesn’t it?\n\n\tÜber 日本語 🦊.',
  ' '.repeat(LONG),
  'a'.repeat(LONG),
  '1'.repeat(LONG),
  "'s".repeat(LONG / 2),
  '!'.repeat(LONG),
  '\n'.repeat(LONG),
  `${'a1 '.repeat(LONG / 3)}\u0000`,
]

/**
 * Throws MODEL_MISMATCH where the tokenizer gives ids that the model has no place for, and TOKENIZER_INVALID where it cannot
 * be read or cannot tokenize ordinary texts in time.
 */
export function checkModel(
  modelDir: string,
  card: LanguageCard | EncoderCard,
  { timeMs = TOKENIZER_TIME_MS } = {},
): void {
  try {
    withinTime(() => checkTokenizer(modelDir, card), timeMs)
  } catch (error) {
    if (error instanceof OutOfTime) throw invalidTokenizer('rules', `are too slow: ${error.message}`, error)
    throw error
  }
}

function checkTokenizer(modelDir: string, card: LanguageCard | EncoderCard): void {
  if (card.task !== 'text-generation') {
    const tokenizer = loadTokenizer(path.join(modelDir, TOKENIZER_FILE))
    for (const text of PROBES) tokenizer.encode(text, card.maxTokens)
    return
  }
  const tokenizer = loadLanguageTokenizer(modelDir)
  if (tokenizer.vocabulary > card.vocabulary)
    throw new VillageError(
      'MODEL_MISMATCH',
      `The tokenizer has tokens up to ${tokenizer.vocabulary - 1}, and the model's vocab_size is ${card.vocabulary}`,
      { fields: { field: 'vocab_size', tokenizer: tokenizer.vocabulary, model: card.vocabulary } },
    )
  for (const text of PROBES) tokenizer.decode(tokenizer.encode(text))
}
