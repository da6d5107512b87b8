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
  /** The model that it was compressed from. */
  readonly parent: string | null
  readonly report: JsonObject | null
  readonly doubt: ModelDoubt | null
  /** Whether members of the village are told of it. */
  readonly shared: boolean
}

/** As it is stored; entries of earlier versions have no doubt and are not shared. */
export interface StoredModel extends ModelEntry {
  /** Artifacts that are kept as long as the model is, e.g. its packed form. */
  readonly keeps: readonly string[]
}

export type NewModel = Omit<StoredModel, 'addedAtMs' | 'doubt' | 'shared'>

export function completeEntry(entry: StoredModel): StoredModel {
  return { ...entry, doubt: entry.doubt ?? null, shared: entry.shared ?? false }
}
