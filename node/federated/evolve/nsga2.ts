/**
 * NSGA-II (Deb et al., 2002, IEEE TEC 6, section III): a population that spreads over the best trades between objectives, such as
 * score and size. Parents win tournaments by front and crowding; survivors are the best fronts of parents and children together.
 */
import type { JsonObject } from '../../json.ts'
import { fillSlots, randomProposal, seenAfter } from './fill-slots.ts'
import { type Member, membersOf, withoutDuplicates } from './member.ts'
import { type OptionFields, parseOptionFields } from './option-fields.ts'
import { tournament } from './parent-choice.ts'
import { paretoOrder } from './pareto.ts'
import type { SearchStrategy } from './strategy.ts'
import { childOf, VARIATION_FIELDS, type VariationOptions } from './variation-options.ts'

const FIELDS = {
  ...VARIATION_FIELDS,
  members: {
    type: 'integer',
    default: null,
    min: 4,
    max: 512,
    doc: 'Members that are kept; null: as many as a generation has slots, at least 4.',
  },
  tournament: { type: 'integer', default: 2, min: 1, max: 16, doc: 'Members that a tournament draws.' },
} satisfies OptionFields

interface Options extends VariationOptions {
  readonly members: number | null
  readonly tournament: number
}

interface State extends JsonObject {
  /** Generations. */
  readonly told: number
  /** What is not proposed again. */
  readonly seen: readonly number[]
  /** Best first: by front, then by crowding. */
  readonly members: readonly Member[]
}

export const nsga2Strategy: SearchStrategy = {
  name: 'nsga2',
  fields: FIELDS,
  parseOptions: (input) => parseOptionFields(FIELDS, input),
  start: (): State => ({ told: 0, seen: [], members: [] }),
  ask(context, given, state) {
    const options = given as Options
    const { told, seen, members } = state as State
    // Members are in the order of the crowded comparison: the lower place wins. Equals do not meet, for no two have one place.
    const values = members.map((_, place) => -place)
    const init = { purpose: 'nsga2', told, seen }
    return fillSlots(context, init, (draws) => {
      if (members.length === 0) return randomProposal(context, draws)
      const choose = () => members[tournament(values, options.tournament, draws)]!
      return childOf(context, options, [choose(), choose()], draws)
    })
  },
  tell(context, given, state, scored) {
    const options = given as Options
    const { told, seen, members } = state as State
    const all = withoutDuplicates([...members, ...membersOf(scored, { keepItems: false })])
    const capacity = options.members ?? Math.max(4, context.population)
    const order = paretoOrder(all.map(({ objectives }) => objectives)).slice(0, capacity)
    const next: State = {
      told: told + 1,
      seen: seenAfter(seen, scored),
      members: order.map(({ index }) => all[index]!),
    }
    return next
  },
}
