/**
 * Multiple choice over the facts of the invented world: a question and four lettered lines as in MMLU, the answer in words
 * (models of this size learn facts long before they learn to look up the letter of a line: measured, at chance after
 * 5,500 steps). All facts are stated in sentences; the questions are split by fact and phrasing: a held-out question asks for a fact in words in which training never asks
 * for it, and a part of the facts (`never asked`) is asked for in training in no words at all, only stated.
 */
import {
  type Document,
  type Domain,
  type Draw,
  drawFor,
  drawForSplit,
  isHeldOut,
  type Split,
  type TaskItem,
} from './item.ts'
import { FACTS, type Fact, factsOf, fill, NAMES } from './world.ts'

const LETTERS = ['A', 'B', 'C', 'D'] as const

/** A fact that training states but asks for in no words. */
export function isNeverAsked(fact: Fact): boolean {
  return isHeldOut(`fact ${fact.person} ${fact.attribute.name}`)
}

/** Whether training never asks for the fact in this phrasing. */
export function questionIsHeldOut(fact: Fact, phrasing: number): boolean {
  return isNeverAsked(fact) || isHeldOut(`question ${fact.person} ${fact.attribute.name} ${phrasing}`)
}

/** Four of the values in a new order, `right` among them. */
function optionsWith(draw: Draw, values: readonly string[], right: string): string[] {
  const wrong = draw.shuffle(values.filter((value) => value !== right)).slice(0, LETTERS.length - 1)
  return draw.shuffle([right, ...wrong])
}

/** A question of the split. */
function asked(draw: Draw, split: Split): { fact: Fact; question: string } {
  const { fact, phrasing } = drawForSplit(
    split,
    () => {
      const chosen = draw.pick(FACTS)
      return { fact: chosen, phrasing: draw.integer(0, chosen.attribute.questions.length - 1) }
    },
    (candidate) => questionIsHeldOut(candidate.fact, candidate.phrasing),
  )
  return { fact, question: fill(fact.attribute.questions[phrasing]!, fact) }
}

function item(seed: number, split: Split, index: number): TaskItem {
  const draw = drawFor(seed, `facts ${split}`, index)
  const { fact, question } = asked(draw, split)
  const options = optionsWith(draw, fact.attribute.values, fact.value)
  const lines = options.map((option, at) => `${LETTERS[at]}. ${option}`).join('\n')
  return {
    prompt: `Question: ${question}\n${lines}\nAnswer:`,
    completion: ` ${fact.value}`,
    answer: fact.value,
    group: isNeverAsked(fact) ? 'never asked' : 'rephrased',
    choices: options.map((option) => ` ${option}`),
  }
}

/** All that there is to say about one person, in an order and in words drawn anew. */
function statements(draw: Draw): Document {
  const facts = draw.shuffle(factsOf(draw.pick(NAMES)))
  const text = facts.map((fact) => fill(draw.pick(fact.attribute.statements), fact)).join(' ')
  return { prompt: '', text }
}

/** A question without choices: to remember. */
function openQuestion(draw: Draw): Document {
  const { fact, question } = asked(draw, 'train')
  return { prompt: `Question: ${question}\nAnswer:`, text: ` ${fact.value}` }
}

function support(seed: number, index: number): Document {
  const draw = drawFor(seed, 'facts support', index)
  return draw.pick([statements, openQuestion])(draw)
}

export const FACTS_DOMAIN: Domain = {
  name: 'facts',
  title: 'Multiple choice over the facts of a small invented world',
  heldOut:
    'by fact and phrasing: no held-out question is asked in training in these words, and about half of them ask for facts that training only states',
  item,
  support,
}
