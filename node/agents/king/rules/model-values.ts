/** Which models a clause is about: named, or what `it`, `both` and `the original` stand for. */
import type { Word } from '../clause.ts'
import { isFile, isModelFile, namesOf } from '../slots.ts'
import {
  type Draft,
  draft,
  from,
  ORIGINAL,
  type Outcome,
  type PlanState,
  type RuleInput,
  type Value,
} from './rule.ts'

const ADDED_FIRST = 'A file is added to the models before it is used.'
export const NO_MODEL: Outcome = { why: 'It does not say which model.' }

/** A model's name as an argument; a file of one is added first. */
export function resolve(names: readonly Word[], state: PlanState): { values: Value[]; added: Draft[] } {
  const added: Draft[] = []
  const values = names.map((name): Value => {
    // A name that an earlier step gives to what it makes.
    const maker = state.drafts.findIndex(({ arguments: given }) => given.id === name.text)
    if (maker >= 0) return from(maker + 1, 'model')
    if (name.kind !== 'path' || !(isModelFile(name.text) || /^(?:~|\.{0,2})\//.test(name.text)))
      return name.text
    added.push(draft('model_add', { path: name.text }, ADDED_FIRST))
    return from(state.drafts.length + added.length, 'model')
  })
  return { values, added }
}

/** The models that a clause is about: those it names, else those that its pronouns stand for. */
export function modelsMeant(input: RuleInput): { values: Value[]; added: Draft[] } {
  const { clause, at, state } = input
  const names = namesOf(clause.words, at + 1, { plainWords: true })
  const early =
    names.length === 0 ? namesOf(clause.words.slice(0, Math.max(0, at)), 0, { plainWords: false }) : []
  if (names.length + early.length > 0) return resolve([...early, ...names], state)
  const folder = clause.words.filter(({ kind, text }) => kind === 'path' && !isFile(text))
  if (folder.length > 0 && input.verb === 'compress') return resolve(folder, state)
  const { line } = clause
  if (
    /(?:^| )(?:both|them all|all of them|all (?:the |three |four )?(?:model|result|version|variant)s?|each(?: of them| one| model)?|them|their|the (?:two|three)|these|those|every one)(?: |$)/.test(
      line,
    )
  ) {
    const several = /(?:^| )(?:both|the two)(?: |$)/.test(line)
      ? pairOf(state)
      : state.models.length > 0
        ? newest(state)
        : []
    if (several.length > 0) return { values: several, added: [] }
  }
  if (
    ORIGINAL.test(line) &&
    state.original !== null &&
    !/ (?:than|with|to|against) (?:the )?(?:original|old)/.test(line)
  )
    return { values: [state.original], added: [] }
  if (state.modelFile !== null)
    return {
      values: [from(state.drafts.length + 1, 'model')],
      added: [draft('model_add', { path: state.modelFile }, ADDED_FIRST)],
    }
  if (state.model !== null) return { values: [state.model], added: [] }
  // A file that is only spoken of: `add ./m.onnx` gave it a model; a path alone does not.
  return { values: [], added: [] }
}

export const isMade = (value: Value): boolean => typeof value !== 'string'
const newest = (state: PlanState): Value[] => {
  const made = state.models.filter(isMade)
  return made.length > 0 ? made : [...state.models]
}
function pairOf(state: PlanState): Value[] {
  const named = state.models.slice(-2)
  return named.length === 2
    ? named
    : state.original !== null && state.model !== null
      ? [state.original, state.model]
      : named
}

export const HUB = /^(?:https?:\/\/[^/]+\/)?([\w.-]+\/[\w.-]+(?:@[\w.-]+)?)\/?$/
