/**
 * Own scores: computed once a genome and split, on the disk before anybody is promised anything, used again after a restart. A nonce follows
 * from the own key, so that a commitment can be opened after a restart too.
 */
import { createHash } from 'node:crypto'
import { toVillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Signer } from '../../mesh/membership/keys.ts'
import type { JsonTable } from '../../store.ts'
import type { Genome } from '../evolve/strategy.ts'
import { NONCE_BYTES } from '../ledger/statement.ts'
import { packScores, quantise } from '../scoring/quantise.ts'
import type { ItemSplit, Workload, WorkloadContext } from '../workloads/workload.ts'
import type { RunSpec } from './run-spec.ts'

export interface KeptScore {
  /** Base64 of the packed scores. */
  readonly values: string
  readonly joules: number
  readonly busyMs: number
}

export interface ScoreKeeper {
  /** What was computed before, or null. */
  find(hash: string, split: ItemSplit): Promise<KeptScore | null>
  /** Computes what is not there yet. Throws what the workload throws. */
  score(
    candidate: { genome: Genome; hash: string },
    split: ItemSplit,
    signal: AbortSignal,
  ): Promise<KeptScore>
  nonce(at: { generation: number; stage: number; slot: number }): Uint8Array
  /** The run is over. */
  forget(): Promise<void>
}

const NONCE_DOMAIN = 'aivillage/rounds/nonce/v1'

export function createScoreKeeper(
  components: {
    readonly table: JsonTable<KeptScore>
    readonly workload: Workload
    readonly context: WorkloadContext
    readonly signer: Signer
    readonly log: Log
  },
  init: { readonly run: string; readonly spec: RunSpec },
): ScoreKeeper {
  const { table, workload, context, signer, log } = components
  const { run, spec } = init
  const keyOf = (hash: string, split: ItemSplit) => `${run}/${split}/${hash}`
  const find = async (hash: string, split: ItemSplit) => (await table.get(keyOf(hash, split))) ?? null
  return {
    find,
    async score({ genome, hash }, split, signal) {
      const known = await find(hash, split)
      if (known !== null) return known
      const scored = await workload.score(spec.workload.options, genome, split, context, signal)
      const bits = workload.scoreBits
      const values = packScores(quantise(scored.itemScores, bits), bits)
      const kept: KeptScore = {
        values: Buffer.from(values).toString('base64'),
        joules: Math.max(0, scored.joules),
        busyMs: Math.max(0, Math.round(scored.busyMs)),
      }
      await table.put(keyOf(hash, split), kept, { sync: true })
      return kept
    },
    nonce({ generation, stage, slot }) {
      const signature = signer.sign(NONCE_DOMAIN, Buffer.from(`${run} ${generation} ${stage} ${slot}`))
      return createHash('sha256').update(signature).digest().subarray(0, NONCE_BYTES)
    },
    async forget() {
      try {
        for await (const [key] of table.entries({ prefix: `${run}/` })) await table.del(key)
      } catch (error) {
        log.warn({ err: toVillageError(error), run }, 'scores of a run that is over could not be removed')
      }
    },
  }
}
