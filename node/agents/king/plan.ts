/** What a goal comes to: calls of tools in an order that works, and what could not be planned. */
import type { JsonObject, JsonValue } from '../../json.ts'
import { isJsonObject } from '../../json.ts'
import type { AgentName } from '../agent.ts'

/** Fields of results that a later step may use. `text` is the whole of it, in words; `figure` the first number in them. */
export const RESULT_FIELDS = ['model', 'job', 'collection', 'run', 'value', 'text', 'figure'] as const
export type ResultField = (typeof RESULT_FIELDS)[number]

/** Stands in an argument for what an earlier step gives: `{ "$from": 1, "field": "model" }`. */
export interface StepReference extends JsonObject {
  readonly $from: number
  readonly field: ResultField
}

export function isStepReference(value: JsonValue | undefined): value is StepReference {
  return (
    isJsonObject(value) &&
    Number.isSafeInteger(value.$from) &&
    RESULT_FIELDS.some((field) => field === value.field) &&
    Object.keys(value).length === 2
  )
}

/** Stands in an argument for a text of parts: words and what earlier steps give, one after the other. */
export interface JoinedText extends JsonObject {
  readonly $text: (string | StepReference)[]
}

export const isJoinedText = (value: JsonValue | undefined): value is JoinedText =>
  isJsonObject(value) &&
  Object.keys(value).length === 1 &&
  Array.isArray(value.$text) &&
  value.$text.length > 0 &&
  value.$text.length <= 16 &&
  value.$text.every((part) => typeof part === 'string' || isStepReference(part))

/** References in an argument, in order. */
export const referencesIn = (value: JsonValue): StepReference[] =>
  isJoinedText(value)
    ? value.$text.filter((part) => typeof part !== 'string')
    : (Array.isArray(value) ? value : [value]).filter(isStepReference)

/** Numbers of a result that a step can depend on; `failed` and `done` are how it ended. */
export const MEASURES = ['quality', 'score', 'confidence', 'sizeBytes', 'ratio', 'value'] as const
export type Measure = (typeof MEASURES)[number]

export const JOB_IS = ['running', 'ended', 'done', 'failed'] as const
export type JobIs = (typeof JOB_IS)[number]

/** When a step is taken: by a number that an earlier step measured (shares from 0 to 1, sizes in bytes), or by how that step ended. */
export type StepCondition =
  | {
      readonly kind: 'number'
      readonly step: number
      readonly measure: Measure
      readonly is: 'above' | 'below'
      readonly limit: number
    }
  | { readonly kind: 'outcome'; readonly step: number; readonly is: 'failed' | 'done' }
  /** Whether a comparison found its second model better (`better`), or its first (`worse`). */
  | { readonly kind: 'verdict'; readonly step: number; readonly is: 'better' | 'worse' }
  /** Whether a list that an earlier step gives has something of this name. */
  | {
      readonly kind: 'listed'
      readonly step: number
      readonly name: string
      readonly is: 'there' | 'missing'
    }
  /** Whether a job that was looked at goes on, or how it ended. */
  | { readonly kind: 'job'; readonly step: number; readonly is: JobIs }

export interface PlanStep {
  /** From 1, in the order of the plan. */
  readonly id: number
  readonly tool: string
  /** Values of JSON; a StepReference stands for a result. */
  readonly arguments: JsonObject
  /** One sentence of the planner's own. */
  readonly reason: string
  /** Who takes the step. */
  readonly agent: AgentName
  /** Null: always. */
  readonly when: StepCondition | null
}

export interface Plan {
  readonly steps: readonly PlanStep[]
  /** What was understood but is not done, and what was not understood: words of the asker, and why. */
  readonly notDone: readonly { readonly text: string; readonly why: string }[]
  /** Parts of the message that were not understood, where steps change something: those wait for an approval. Absent: all was understood. */
  readonly unclear?: readonly string[]
  /** `other`: the rules read English only. */
  readonly language: 'en' | 'other'
}

/** Questions go to Sage, building and calculating to Magi, the rest (lists, files to read, indexing, memory) King does itself. */
export function agentOf(tool: string): AgentName {
  if (tool === 'knowledge_ask') return 'sage'
  if (
    /^(?:model|geometry|evolve|code|job)_/.test(tool) ||
    ['calculate', 'text_embed', 'file_write'].includes(tool)
  )
    return 'magi'
  return 'king'
}
