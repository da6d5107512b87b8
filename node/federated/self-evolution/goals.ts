/**
 * The goals of self-evolution: the YAML file that `selfEvolution.goals` names. Strict: every key is known or refused with the nearest
 * known one, every amount has its unit.
 */

import { toVillageError, VillageError } from '../../errors.ts'
import {
  checkKeys,
  durationIn,
  type EvolveConfig,
  energyIn,
  evolveConfigOf,
  invalidConfig,
  objectIn,
  parseConfigText,
} from '../../evolve-config.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { nearest } from '../../nearest.ts'

/** What is to become better: the settings of search of a collection, or what a model id stands for. */
export interface Target extends JsonObject {
  readonly kind: 'collection' | 'model'
  /** Name or id of a collection, id of a model. */
  readonly name: string
}

/** Of a day (UTC). Null: no limit. */
export interface DayBudget {
  readonly evaluations: number | null
  readonly durationMs: number | null
  readonly joules: number | null
}

export interface Goal {
  readonly name: string
  readonly everyMs: number
  readonly target: Target
  /** As `village evolve` reads it; files are relative to the file of the goals. */
  readonly evolve: EvolveConfig
  readonly budget: DayBudget
  /** How likely it may be that anything is ever adopted that is no better (decision.ts). */
  readonly alpha: number
}

export interface Goals {
  /** Of all goals together. */
  readonly budget: DayBudget
  readonly goals: readonly Goal[]
}

/** Whose winners can take the place of what there is: among their candidates is the present version (present-seed.ts). */
const WORKLOADS: Readonly<Record<Target['kind'], readonly string[]>> = {
  collection: ['agent'],
  model: ['merge', 'perturbation'],
}
const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/
const MAX_GOALS = 64
const MIN_EVERY_MS = 60_000
const MAX_EVERY_MS = 366 * 86_400_000
const DEFAULT_ALPHA = 0.05
const MAX_ALPHA = 0.2

function budgetOf(value: JsonValue | undefined, field: string): DayBudget {
  const given = objectIn(value, field)
  checkKeys(given, ['evaluations', 'duration', 'energy'], field)
  const { evaluations = null, duration = null, energy = null } = given
  if (evaluations !== null && (!Number.isSafeInteger(evaluations) || (evaluations as number) < 1))
    throw invalidConfig(`"${field}.evaluations" must be a whole number from 1 on`, `${field}.evaluations`)
  return {
    evaluations: evaluations as number | null,
    durationMs: duration === null ? null : durationIn(duration, `${field}.duration`),
    joules: energy === null ? null : energyIn(energy, `${field}.energy`),
  }
}

function targetOf(value: JsonValue | undefined, field: string): Target {
  const given = objectIn(value, field)
  checkKeys(given, ['collection', 'model'], field)
  const [named, ...more] = Object.entries(given)
  if (named === undefined || more.length > 0 || typeof named[1] !== 'string' || named[1] === '')
    throw invalidConfig(`"${field}" must name one collection or one model`, field)
  return { kind: named[0] as Target['kind'], name: named[1] }
}

function evolveOf(value: JsonValue | undefined, target: Target, name: string, field: string): EvolveConfig {
  if (!isJsonObject(value)) throw invalidConfig(`"${field}" must say what is evolved and how`, field)
  if (Object.hasOwn(value, 'publish'))
    throw invalidConfig(`"${field}.publish" is left out: the target is what is published`, `${field}.publish`)
  const config = evolveConfigOf(value, name)
  const { kind } = config.spec.workload as { kind: string }
  const kinds = WORKLOADS[target.kind]
  if (!kinds.includes(kind))
    throw invalidConfig(
      `"${field}.workload" must be ${kinds.join(' or ')}: nothing else has the present ${target.kind} among its candidates`,
      `${field}.workload`,
    )
  return config
}

function goalOf(value: JsonValue, field: string): Goal {
  if (!isJsonObject(value)) throw invalidConfig(`"${field}" must have keys`, field)
  checkKeys(value, ['name', 'every', 'target', 'evolve', 'budget', 'alpha'], field)
  const { name, every, alpha = DEFAULT_ALPHA } = value
  if (typeof name !== 'string' || !NAME.test(name))
    throw invalidConfig(`"${field}.name" must have 1 to 40 small letters, digits or dashes`, `${field}.name`)
  if (typeof alpha !== 'number' || !(alpha > 0 && alpha <= MAX_ALPHA))
    throw invalidConfig(`"${field}.alpha" must be above 0 and at most ${MAX_ALPHA}`, `${field}.alpha`)
  const everyMs = durationIn(every ?? '', `${field}.every`)
  if (everyMs < MIN_EVERY_MS || everyMs > MAX_EVERY_MS)
    throw invalidConfig(`"${field}.every" must be from 1m to 366d`, `${field}.every`)
  const target = targetOf(value.target, `${field}.target`)
  return {
    name,
    everyMs,
    target,
    alpha,
    budget: budgetOf(value.budget, `${field}.budget`),
    evolve: evolveOf(value.evolve, target, name, `${field}.evolve`),
  }
}

function checkDistinct(goals: readonly Goal[]): void {
  const names = new Set<string>()
  const targets = new Set<string>()
  for (const { name, target } of goals) {
    const key = `${target.kind} ${target.name}`
    if (names.has(name)) throw invalidConfig(`Two goals have the name "${name}"`, 'goals')
    if (targets.has(key)) throw invalidConfig(`Two goals would change the ${key}`, 'goals')
    names.add(name)
    targets.add(key)
  }
}

function goalsOf(text: string): Goals {
  const given = parseConfigText(text)
  checkKeys(given, ['budget', 'goals'], '')
  const budget = budgetOf(given.budget, 'budget')
  if (Object.values(budget).every((limit) => limit === null))
    throw invalidConfig('"budget" must limit a day: evaluations, duration or energy', 'budget')
  const { goals } = given
  if (!Array.isArray(goals) || goals.length === 0 || goals.length > MAX_GOALS)
    throw invalidConfig(`"goals" must be a list of 1 to ${MAX_GOALS}`, 'goals')
  const read = goals.map((goal: JsonValue, index) => goalOf(goal, `goals[${index}]`))
  checkDistinct(read)
  return { budget, goals: read }
}

/** Throws SELF_EVOLUTION_GOALS_INVALID naming the field. */
export function readGoals(text: string): Goals {
  try {
    return goalsOf(text)
  } catch (error) {
    const { code, message, fields } = toVillageError(error)
    if (code !== 'EVOLVE_CONFIG_INVALID') throw error
    throw new VillageError('SELF_EVOLUTION_GOALS_INVALID', message, { cause: error, fields: { ...fields } })
  }
}

/** Throws SELF_EVOLUTION_GOAL_UNKNOWN with the nearest name. */
export function unknownGoal(name: string, known: readonly string[]): VillageError {
  const near = nearest(name, known)
  return new VillageError(
    'SELF_EVOLUTION_GOAL_UNKNOWN',
    `There is no goal "${name}"${near === null ? '' : `; did you mean "${near}"?`}`,
    { fields: { goal: name, suggestion: near } },
  )
}
