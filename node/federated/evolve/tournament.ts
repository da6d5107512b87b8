/**
 * A steady population: children of parents that won a tournament (or that complete each other) take the place of worse members
 * (μ + λ). Nothing is scored again; a member stays until `population` better ones are there.
 */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Draws } from './draws.ts'
import { fillSlots, randomProposal, seenAfter } from './fill-slots.ts'
import {
  genesOf,
  type Member,
  membersOf,
  ranked,
  unpackItems,
  weightedSum,
  withoutDuplicates,
} from './member.ts'
import { type OptionFields, parseOptionFields } from './option-fields.ts'
import { PARENT_CHOICES, type ParentChoiceName, parentPool, sharedValues } from './parent-choice.ts'
import {
  expectation,
  type Observation,
  observe,
  SCREENING_FIELDS,
  type ScreeningOptions,
} from './screening.ts'
import type { Proposal, SearchContext, SearchStrategy } from './strategy.ts'
import { childOf, VARIATION_FIELDS, type VariationOptions } from './variation-options.ts'

const FIELDS = {
  ...VARIATION_FIELDS,
  ...SCREENING_FIELDS,
  parents: {
    type: 'choice',
    default: 'tournament',
    values: Object.keys(PARENT_CHOICES),
    doc: 'How parents are chosen: tournament (by the mean), complementary (the second is strong on items where the first is weak), lexicase (items in random order).',
  },
  survival: {
    type: 'choice',
    default: 'best',
    values: ['best', 'sharing'],
    doc: 'Who stays: the best, or, after the best one, those who score on items where few others do.',
  },
  tournament: { type: 'integer', default: 2, min: 1, max: 16, doc: 'Members that a tournament draws.' },
  members: {
    type: 'integer',
    default: null,
    min: 2,
    max: 512,
    doc: 'Members that are kept; null: as many as a generation has slots.',
  },
  objectiveWeights: {
    type: 'numbers',
    default: [1],
    min: -1_000,
    max: 1_000,
    most: 8,
    doc: 'Weights of the objectives in the one number that members are compared by.',
  },
} satisfies OptionFields

interface Options extends VariationOptions, ScreeningOptions {
  readonly parents: ParentChoiceName
  readonly survival: 'best' | 'sharing'
  readonly tournament: number
  readonly members: number | null
  readonly objectiveWeights: readonly number[]
}

interface State extends JsonObject {
  /** Generations. */
  readonly told: number
  /** What is not proposed again. */
  readonly seen: readonly number[]
  /** Best first. */
  readonly members: readonly Member[]
  /** For screening alone; empty without. */
  readonly observations: readonly Observation[]
}

const needsItems = (options: Options): boolean =>
  options.parents !== 'tournament' || options.survival === 'sharing'

const valueBy = (options: Options) => (member: Member) =>
  weightedSum(member.objectives, options.objectiveWeights)

/** The best one, and then those that fill what it lacks. */
function survivors(members: readonly Member[], options: Options, capacity: number): Member[] {
  const best = ranked(members, valueBy(options))
  if (options.survival === 'best' || best.length <= capacity) return best.slice(0, capacity)
  const shared = sharedValues(best.map(({ items }) => unpackItems(items ?? '')))
  const [first, ...others] = best.map((member, index) => ({ member, value: shared[index]! }))
  const kept = new Set([first!, ...ranked(others, ({ value }) => value).slice(0, capacity - 1)])
  // The order stays that of the values: the first member is always the best one.
  return [first!, ...others].filter((row) => kept.has(row)).map(({ member }) => member)
}

/** Makes children of members. */
function breeder(context: SearchContext, options: Options, members: readonly Member[]) {
  const pool = parentPool(members, valueBy(options), options.parents)
  return (draws: Draws): Proposal => {
    const [first, second] = PARENT_CHOICES[options.parents](pool, { tournament: options.tournament }, draws)
    return childOf(context, options, [members[first]!, members[second]!], draws)
  }
}

export const tournamentStrategy: SearchStrategy = {
  name: 'tournament',
  fields: FIELDS,
  parseOptions: (input) => parseOptionFields(FIELDS, input),
  start: (): State => ({ told: 0, seen: [], members: [], observations: [] }),
  ask(context, given, state) {
    const options = given as Options
    const { told, seen, members, observations } = state as State
    const expected = expectation(options.screening, observations)
    const child = breeder(context, options, members)
    const init = { purpose: 'tournament', told, seen }
    return fillSlots(context, init, (draws) => {
      if (members.length === 0) return randomProposal(context, draws)
      if (expected === null || draws.uniform() >= options.screened) return child(draws)
      const proposals = Array.from({ length: options.proposals }, () => child(draws))
      return ranked(proposals, ({ genome }) => expected(context.space.encode(genome)))[0]!
    })
  },
  tell(context, given, state, scored): JsonValue {
    const options = given as Options
    const { told, seen, members, observations } = state as State
    const added = membersOf(scored, { keepItems: needsItems(options) })
    const value = valueBy(options)
    const next: State = {
      told: told + 1,
      seen: seenAfter(seen, scored),
      members: survivors(
        withoutDuplicates([...members, ...added]),
        options,
        options.members ?? context.population,
      ),
      observations:
        options.screening === 'none'
          ? []
          : observe(
              observations,
              added.map((member) => ({ genes: genesOf(context, member), value: value(member) })),
            ),
    }
    return next
  },
}
