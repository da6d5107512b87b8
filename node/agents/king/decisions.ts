/**
 * The decision log of King, sealed on this node: what was asked, the plan, who could do each step and why one of them did, and how it
 * ended.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { AgentName } from '../agent.ts'
import type { Asker } from '../asker.ts'
import { recordsOf, speakerIn, speakerPart } from '../twin/records-of.ts'
import type { StepState } from './step-results.ts'
import type { Weighed } from './weigh.ts'

export interface Choice {
  readonly agent: AgentName
  readonly ways: readonly Pick<Weighed, 'id' | 'estimates' | 'marks' | 'score'>[]
  readonly chosen: string
  readonly why: string
  /** How long it took; null while it goes on, or when it failed. */
  readonly tookMs: number | null
}

export interface DecidedStep {
  readonly id: number
  readonly tool: string
  readonly agent: AgentName
  readonly reason: string
  /** Null: not come to yet. */
  readonly state: StepState | null
}

export interface Decision {
  /** Id of the request. */
  readonly id: string
  readonly timeMs: number
  readonly asker: Pick<Asker, 'kind' | 'id'>
  readonly asked: string
  /** The language model that decided; null: rules. */
  readonly model: string | null
  readonly steps: readonly DecidedStep[]
  readonly notDone: readonly { readonly text: string; readonly why: string }[]
  readonly choices: readonly Choice[]
  /** Null: it goes on, or its node was killed. */
  readonly endedAtMs: number | null
}

/** What the log needs of a sealed store (node/sealed-store.ts), made so that the oldest records make room. */
export interface DecisionStore {
  put(id: string, value: JsonValue): Promise<void>
  getJson(id: string): Promise<JsonValue | null>
  deleteMany(ids: readonly string[]): Promise<number>
  list(): readonly { readonly id: string }[]
}

export interface Decisions {
  begin(decision: Omit<Decision, 'timeMs' | 'choices' | 'endedAtMs'>): Promise<void>
  /** Of a request that was begun and goes on; all others are of no interest. */
  choose(request: string, choice: Choice): Promise<void>
  end(request: string, steps: readonly DecidedStep[]): Promise<void>
  /** Newest first. */
  list(limit?: number): Promise<Decision[]>
  get(request: string): Promise<Decision | null>
  /** Every decision about what one asker said. */
  eraseAsker(asker: Pick<Asker, 'kind' | 'id'>): Promise<void>
}

const VERSION = 1
const PAGE = 50
/** Requests that were given up without an end are not kept in mind for ever. */
const MAX_OPEN = 256

/** Also says whose it is, so that a key's decisions never push out the owner's. */
const recordId = ({ id, asker }: Pick<Decision, 'id' | 'asker'>) => `${id}/${speakerPart(asker)}`

export function createDecisions({ store }: { store: DecisionStore }, { now }: { now(): number }): Decisions {
  const open = new Map<string, Decision>()

  async function keep(decision: Decision): Promise<void> {
    // Plain data through and through; its type has interfaces where JSON has objects.
    await store.put(recordId(decision), { version: VERSION, decision: decision as unknown as JsonObject })
  }

  function read(value: JsonValue | null): Decision | null {
    if (value === null) return null
    if (!isJsonObject(value) || value.version !== VERSION || !isJsonObject(value.decision))
      throw new VillageError('DATA_CORRUPT', 'A decision is not of a version that is known')
    // What this node sealed itself, and nobody else can: authenticated encryption stands for its form.
    return value.decision as unknown as Decision
  }

  async function change(request: string, next: (decision: Decision) => Decision): Promise<void> {
    const decision = open.get(request)
    if (decision === undefined) return
    const changed = next(decision)
    open.set(request, changed)
    await keep(changed)
  }

  return {
    async begin(given) {
      const decision: Decision = { ...given, timeMs: now(), choices: [], endedAtMs: null }
      const [oldest] = open.keys()
      if (open.size >= MAX_OPEN && oldest !== undefined) open.delete(oldest)
      open.set(given.id, decision)
      await keep(decision)
    },
    choose: (request, choice) =>
      change(request, (decision) => ({ ...decision, choices: [...decision.choices, choice] })),
    async end(request, steps) {
      await change(request, (decision) => ({ ...decision, steps, endedAtMs: now() }))
      open.delete(request)
    },
    async list(limit = PAGE) {
      const newest = store.list().slice(-limit).reverse()
      const found = await Promise.all(newest.map(async ({ id }) => read(await store.getJson(id))))
      return found.filter((decision) => decision !== null).sort((a, b) => b.timeMs - a.timeMs)
    },
    async get(request) {
      const found = store.list().find(({ id }) => id.startsWith(`${request}/`))
      return found === undefined ? null : read(await store.getJson(found.id))
    },
    async eraseAsker({ kind, id }) {
      const theirs = [...open.values()].filter(({ asker }) => asker.kind === kind && asker.id === id)
      for (const { id: request } of theirs) open.delete(request)
      const kept = await recordsOf(store, { kind, id }, (record) =>
        isJsonObject(record) && isJsonObject(record.decision) ? speakerIn(record.decision.asker) : null,
      )
      // The last write of those that go on may be on its way: the store deletes after it, and there is none after that.
      await store.deleteMany([...theirs.map(recordId), ...kept])
    },
  }
}
