/** Routes of self-evolution: what it does, what it has changed, and the way back. */
import { anyText, integer, object, orNull, text } from '../schemas.ts'
import { GOAL_HISTORY, SELF_EVOLUTION } from '../self-evolution-schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'self-evolution'
const params = object({ goal: text(64) })
type None = Record<string, never>
type Named = { goal: string }

export const SELF_EVOLUTION_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/self-evolution',
    scope: 'read',
    tag,
    id: 'getSelfEvolution',
    summary: 'Whether self-evolution is on, its goals, what they wait for, and what is left of the day.',
    response: { kind: 'json', status: 200, schema: SELF_EVOLUTION },
    handle: async (_request, { selfEvolution }) => selfEvolution.status(),
  }),
  route<Named>({
    method: 'GET',
    path: '/api/v1/self-evolution/:goal',
    scope: 'read',
    tag,
    id: 'getGoalHistory',
    summary: 'The versions of what a goal changes, and why each run was adopted or not.',
    params,
    response: { kind: 'json', status: 200, schema: GOAL_HISTORY },
    errors: ['SELF_EVOLUTION_GOAL_UNKNOWN'],
    handle: async ({ params: { goal } }, { selfEvolution }) => selfEvolution.history(goal),
  }),
  route<Named>({
    method: 'POST',
    path: '/api/v1/self-evolution/:goal/run',
    scope: 'operate',
    tag,
    id: 'runGoal',
    summary: 'Begins a run of a goal before its time, within the budget of the day.',
    params,
    response: { kind: 'json', status: 201, schema: object({ run: anyText }) },
    errors: [
      'SELF_EVOLUTION_OFF',
      'SELF_EVOLUTION_GOAL_UNKNOWN',
      'SELF_EVOLUTION_BUSY',
      'SELF_EVOLUTION_BUDGET_SPENT',
      'SELF_EVOLUTION_NO_PRESENT',
      'VILLAGE_NONE',
      'RUN_TOO_MANY',
    ],
    slow: true,
    handle: async ({ params: { goal }, signal }, { selfEvolution }) => ({
      run: await selfEvolution.run(goal, signal),
    }),
  }),
  route<Named, None, { version?: number | null }>({
    method: 'POST',
    path: '/api/v1/self-evolution/:goal/rollback',
    scope: 'operate',
    tag,
    id: 'rollbackGoal',
    summary:
      'Puts an earlier version back as it was (the one before the present one, or `version`), and pauses the goal.',
    params,
    body: { kind: 'json', schema: object({ version: orNull(integer(1)) }, ['version']) },
    response: { kind: 'json', status: 200, schema: GOAL_HISTORY },
    errors: ['SELF_EVOLUTION_GOAL_UNKNOWN', 'SELF_EVOLUTION_NO_VERSION'],
    handle: async ({ params: { goal }, body: { version = null } }, { selfEvolution }) =>
      selfEvolution.rollback(goal, version),
  }),
  route<Named>({
    method: 'POST',
    path: '/api/v1/self-evolution/:goal/resume',
    scope: 'operate',
    tag,
    id: 'resumeGoal',
    summary: 'Lets a goal that was paused run again.',
    params,
    response: { kind: 'json', status: 200, schema: GOAL_HISTORY },
    errors: ['SELF_EVOLUTION_GOAL_UNKNOWN'],
    handle: async ({ params: { goal } }, { selfEvolution }) => selfEvolution.resume(goal),
  }),
]
