/** What a goal changes: read as a version, put in the place of what is there, kept for as long as a version may be gone back to. */
import type { Models } from '../../compute/models/registry.ts'
import { VillageError } from '../../errors.ts'
import { canonicalJson, type JsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Rounds } from '../rounds/rounds.ts'
import type { RunResult } from '../rounds/run-state.ts'
import { searchSettings } from '../workloads/agent-workload.ts'
import type { TunedSettings, VersionContent } from './goal-record.ts'
import type { Target } from './goals.ts'

/** Of the domain above, handed in by the daemon. */
export interface TunedCollections {
  /** Throws COLLECTION_UNKNOWN. */
  settings(name: string): Promise<TunedSettings>
  /** All or none, and on the disk when it resolves. Throws COLLECTION_UNKNOWN. */
  tune(name: string, settings: TunedSettings): Promise<void>
}

export interface Targets {
  /** Throws MODEL_UNKNOWN, COLLECTION_UNKNOWN. */
  read(target: Target): Promise<VersionContent>
  /**
   * What the target would be with the winner of a run. A model is built here, whatever others have built, and kept as version `number`
   * when it resolves. Throws SELF_EVOLUTION_BUILD_DIFFERS where it is not what the members agreed on.
   */
  winner(
    target: Target,
    init: { readonly run: string; readonly result: RunResult; readonly number: number },
    signal: AbortSignal,
  ): Promise<VersionContent>
  /** One write: whoever asks for the target gets the one or the other. */
  apply(target: Target, content: VersionContent): Promise<void>
  keep(target: Target, number: number, content: VersionContent): Promise<void>
  release(target: Target, number: number, content: VersionContent): Promise<void>
}

interface Components {
  readonly models: Pick<Models, 'stored' | 'replace'>
  readonly rounds: Pick<Rounds, 'rebuild'>
  readonly artifacts: Pick<Artifacts, 'pin' | 'unpin' | 'info'>
  readonly collections: TunedCollections
}

/** Beginning with `model:`, like that of the model itself: it is not removed by mistake. */
const pinOf = (target: Target, number: number): string => `model:${target.name}@${number}`

/** What decides how the target behaves: a model that was shared or doubted since is the same. */
const essence = (content: VersionContent): JsonObject =>
  content.kind === 'model'
    ? { cid: content.entry.cid, keeps: [...content.entry.keeps].sort() }
    : content.settings

export const isSameContent = (a: VersionContent, b: VersionContent): boolean =>
  a.kind === b.kind && canonicalJson(essence(a)) === canonicalJson(essence(b))

const cidsOf = (content: VersionContent): string[] =>
  content.kind === 'model' ? [content.entry.cid, ...content.entry.keeps] : []

export function createTargets(components: Components, init: { readonly now: () => number }): Targets {
  const { models, artifacts, collections, rounds } = components

  async function winningModel(
    target: Target,
    { run, result, number }: { run: string; result: RunResult; number: number },
    signal: AbortSignal,
  ): Promise<VersionContent> {
    const { cid, id } = result
    const pin = pinOf(target, number)
    const built = await rounds.rebuild(run, pin, signal)
    const info = built === null ? null : await artifacts.info(built)
    if (info === null || built === null || built !== cid) {
      if (info !== null) await artifacts.unpin(info.cid, pin)
      throw new VillageError('SELF_EVOLUTION_BUILD_DIFFERS', undefined, { fields: { run, cid, built } })
    }
    const { sizeBytes } = info
    const before = await models.stored(target.name)
    const entry = {
      ...before,
      cid: built,
      sizeBytes,
      addedAtMs: init.now(),
      source: 'self-evolution',
      report: { selfEvolution: { run, candidate: id } },
      ...{ parent: null, base: null, doubt: null, notes: [], keeps: [] },
    }
    return { kind: 'model', entry }
  }

  return {
    async read({ kind, name }) {
      return kind === 'model'
        ? { kind, entry: await models.stored(name) }
        : { kind: 'collection', settings: await collections.settings(name) }
    },
    winner: async (target, won, signal) =>
      target.kind === 'model'
        ? winningModel(target, won, signal)
        : { kind: 'collection', settings: { ...searchSettings(won.result.genome) } },
    async apply({ name }, content) {
      if (content.kind === 'model') await models.replace(content.entry)
      else await collections.tune(name, content.settings)
    },
    async keep(target, number, content) {
      for (const cid of cidsOf(content)) await artifacts.pin(cid, pinOf(target, number))
    },
    async release(target, number, content) {
      for (const cid of cidsOf(content))
        if ((await artifacts.info(cid)) !== null) await artifacts.unpin(cid, pinOf(target, number))
    },
  }
}
