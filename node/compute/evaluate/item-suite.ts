/** What a suite over items states: which models it fits, how its data become items, and how the answers are scored. */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { ItemRecord } from './item-records.ts'
import type { PreparedItem } from './items.ts'
import type { Interval } from './scores.ts'

/** Files that a suite is made from: paths on this machine. */
export interface SuiteFiles {
  readonly data?: string
  readonly shotsData?: string
  /** The other two of a retrieval collection. */
  readonly queries?: string
  readonly judgements?: string
}

export type SuiteFile = keyof SuiteFiles

/** What can be said about an evaluation; every suite names those that it takes. */
export interface SuiteOptions {
  /** Examples in front of each item. */
  readonly shots?: number
  /** Items that are taken, evenly spread over the data. */
  readonly limit?: number
  /** Of what is drawn at random. */
  readonly seed?: number
  /** Texts that are drawn for each item. */
  readonly samples?: number
  readonly temperature?: number
  readonly maxTokens?: number
  /** Tokens that a window over a long text moves on by. */
  readonly stride?: number
}

export type SuiteOption = keyof SuiteOptions

/** What is right, and all else that scoring needs of an item; it stays with the owner. */
export interface Answer extends JsonObject {
  readonly id: string
  readonly group: string
}

export interface PreparedSuite {
  readonly items: readonly PreparedItem[]
  /** One for each item. */
  readonly answers: readonly Answer[]
  /** What is good to know of them, for the report: shots, where they came from, what was left out. */
  readonly facts: JsonObject
}

/** The score of one item; more is better. Items without one (documents that are only searched) are left out. */
export interface ItemScore extends JsonObject {
  readonly id: string
  readonly group: string
  /** What the score is: `right` (0 or 1), `ndcg`, …; scores of one measure can be averaged. */
  readonly measure: string
  readonly score: number
  /** How much of all it counts; 1 but for texts of different lengths. */
  readonly weight: number
}

export interface Metric {
  readonly name: string
  readonly title: string
  readonly interval: Interval
  /** By group, where there are several. */
  readonly groups: Readonly<Record<string, Interval & { readonly items: number }>>
}

export interface SuiteReport {
  /** The first is the one that the suite is known by. */
  readonly metrics: readonly Metric[]
  readonly scores: readonly ItemScore[]
  readonly facts: JsonObject
}

export interface ItemSuite {
  readonly form: 'items'
  readonly name: string
  readonly title: string
  /** The kind of model that it needs, for people: `a language model`. */
  readonly needs: string
  fits(model: { readonly kind: string }): boolean
  readonly files: { readonly required: readonly SuiteFile[]; readonly optional: readonly SuiteFile[] }
  readonly options: readonly SuiteOption[]
  /** Items of one task: few enough that peers share them evenly, enough that a model is not loaded for nothing. */
  readonly itemsByTask: number
  /** Whether the answers are programs that are run in the sandbox of the owner's machine before they are scored. */
  readonly executes?: boolean
  /** Throws EVALUATION_DATA_INVALID naming file and line. */
  prepare(files: SuiteFiles, options: SuiteOptions): PreparedSuite
  /** `seed` is that of the bootstrap; `outcomes` what the execution of the answers gave. */
  report(
    answers: readonly Answer[],
    records: readonly ItemRecord[],
    init: { seed: number; outcomes?: readonly JsonValue[] },
  ): SuiteReport
}
