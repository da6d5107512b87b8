/** What the registry knows of a model. */
import type { JsonObject } from '../../json.ts'
import type { ModelKind } from './import/import-model.ts'

/** The job that made a model rests on the word of peers that were caught lying since. */
export interface ModelDoubt extends JsonObject {
  readonly job: string
  readonly peers: readonly string[]
  readonly sinceMs: number
}

export interface ModelEntry {
  /** Short and unique on this node, e.g. `encoder` or `encoder-int4`. */
  readonly id: string
  readonly cid: string
  /** One line for people. */
  readonly name: string
  /**
   * `language` and `encoder` have a card that says how they are called; `onnx` is any other graph, `safetensors` are weights
   * without one, `packed` weights that unpacking gives back.
   */
  readonly kind: ModelKind
  readonly parameters: number
  readonly sizeBytes: number
  readonly addedAtMs: number
  readonly source: string
  /** The model of this node that it was made from. */
  readonly parent: string | null
  /** CID of the model that an adapter was trained from, or a model of others compressed; null where its files say nothing. */
  readonly base: string | null
  /** What was odd about its files when it was added, each a sentence for people. */
  readonly notes: readonly string[]
  readonly report: JsonObject | null
  readonly doubt: ModelDoubt | null
  /** Whether members of the village are told of it. */
  readonly shared: boolean
}

/** As it is stored; entries of earlier versions have no doubt, no base and no notes, and are not shared. */
export interface StoredModel extends ModelEntry {
  /** Artifacts that are kept as long as the model is, e.g. its packed form. */
  readonly keeps: readonly string[]
}

export type NewModel = Omit<StoredModel, 'addedAtMs' | 'doubt' | 'shared' | 'base' | 'notes'> & {
  readonly base?: string | null
  readonly notes?: readonly string[]
}

export function completeEntry(entry: StoredModel): StoredModel {
  // Adapters were always registered with the model that they were trained from.
  const base = entry.base ?? (entry.kind === 'adapter' ? (entry.keeps[0] ?? null) : null)
  const { doubt = null, shared = false, notes = [] } = entry as Partial<StoredModel>
  return { ...entry, base, notes, doubt, shared }
}
