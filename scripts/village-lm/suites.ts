/**
 * The held-out questions of a domain as a suite of `village evaluate --suite custom`, one item a line. They come from a
 * seed of their own, and from the held-out split, so that no training run has met them.
 */
import type { Domain, TaskItem } from './curriculum/item.ts'

export const SUITE_SEED = 20_260
export const SUITE_ITEMS = 500

/** Draws until there are `count` different questions. */
export function heldOutItems(domain: Domain, count = SUITE_ITEMS): TaskItem[] {
  const items = new Map<string, TaskItem>()
  for (let index = 0; items.size < count; index++) {
    if (index > 50 * count) throw new Error(`${domain.name} has fewer than ${count} held-out questions`)
    const item = domain.item(SUITE_SEED, 'held-out', index)
    items.set(item.prompt, item)
  }
  return [...items.values()]
}

/** A line of the suite. Lines that a model goes on with after its answer are cut at the next question. */
export function suiteLine(item: TaskItem, id: string): string {
  const { prompt, answer, group, choices } = item
  if (choices !== undefined)
    return JSON.stringify({
      id,
      group,
      type: 'choice',
      context: prompt,
      choices,
      answer: choices.indexOf(` ${answer}`),
    })
  // Worked answers end with the number after `####`; the others are the answer itself.
  const worked = item.completion.includes('####')
  return JSON.stringify({
    id,
    group,
    type: 'generate',
    prompt,
    answer,
    match: worked ? 'number' : 'exact',
    stop: worked ? ['\nQuestion:'] : ['\n'],
    maxTokens: worked ? 48 : 16,
  })
}

export function suiteText(domain: Domain): string {
  return heldOutItems(domain)
    .map((item, at) => `${suiteLine(item, `${domain.name}-${at}`)}\n`)
    .join('')
}
