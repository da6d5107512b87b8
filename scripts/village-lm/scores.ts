/** How well a model answers held-out questions: greedy text compared exactly, choices by their likelihood. */
import type { LanguageModel } from '../../node/compute/generate/language-model.ts'
import type { TaskItem } from './curriculum/item.ts'

export interface Score {
  readonly right: number
  readonly items: number
  readonly groups: readonly { readonly name: string; readonly right: number; readonly items: number }[]
}

const MAX_ANSWER_TOKENS = 48

/** What a model's text says: the number after the last `####`, else its first line. */
export function answerIn(text: string, worked: boolean): string {
  if (!worked) return (text.split('\n')[0] ?? '').trim()
  return [...text.matchAll(/#### (-?\d+)/g)].at(-1)?.[1] ?? ''
}

/** The best of the choices by its summed log-probability; the first of equals. */
function bestChoice(sums: readonly number[]): number {
  return sums.indexOf(Math.max(...sums))
}

/** Whether each item is answered rightly, in the order of the items. */
export async function answersRight(
  model: LanguageModel,
  items: readonly TaskItem[],
  signal: AbortSignal,
): Promise<boolean[]> {
  const right = new Map<TaskItem, boolean>()
  const chosen = items.filter((item) => item.choices !== undefined)
  const scored = await model.score(
    chosen.flatMap(({ prompt, choices }) => {
      const context = model.tokenizer.encode(prompt)
      return choices!.map((choice) => ({ context, continuation: model.tokenizer.encode(choice) }))
    }),
    signal,
  )
  let at = 0
  for (const item of chosen) {
    const own = scored.slice(at, at + item.choices!.length)
    at += own.length
    const sums = own.map(({ logProbabilities }) => logProbabilities.reduce((sum, one) => sum + one, 0))
    right.set(item, item.choices![bestChoice(sums)] === ` ${item.answer}`)
  }
  const written = items.filter((item) => item.choices === undefined)
  const texts = await model.generate(
    written.map(({ prompt, completion }) => ({
      tokens: model.tokenizer.encode(prompt),
      maxTokens: MAX_ANSWER_TOKENS,
      sampling: { temperature: 0 },
      stop: [completion.includes('####') ? '\nQuestion:' : '\n'],
    })),
    signal,
  )
  for (const [index, item] of written.entries())
    right.set(item, answerIn(texts[index]!.text, item.completion.includes('####')) === item.answer)
  return items.map((item) => right.get(item)!)
}

/** Counts by group, the groups in alphabetical order. */
export function countRight(items: readonly TaskItem[], right: readonly boolean[]): Score {
  const groups = new Map<string, { right: number; items: number }>()
  for (const [index, { group }] of items.entries()) {
    const row = groups.get(group) ?? { right: 0, items: 0 }
    groups.set(group, { right: row.right + Number(right[index]), items: row.items + 1 })
  }
  return {
    right: right.filter(Boolean).length,
    items: items.length,
    groups: [...groups].map(([name, row]) => ({ name, ...row })).sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

export async function scoreModel(
  model: LanguageModel,
  items: readonly TaskItem[],
  signal: AbortSignal,
): Promise<Score> {
  return countRight(items, await answersRight(model, items, signal))
}

/** Wilson's interval at 95% (Wilson 1927, JASA 22): sensible near 0 and 1, where the scores are. */
export function wilson({ right, items }: { right: number; items: number }): { low: number; high: number } {
  const z = 1.959964
  const share = right / items
  const centre = share + z ** 2 / (2 * items)
  const spread = z * Math.sqrt((share * (1 - share)) / items + z ** 2 / (4 * items ** 2))
  const scale = 1 + z ** 2 / items
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) }
}
