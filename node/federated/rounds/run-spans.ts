/**
 * Spans of a run of evolution (docs/observability.md): the run itself where it was announced, and on every member what it did for it. The
 * context of the run goes to members with its announcement (RoundsPage), so that all of it is one tree at one collector.
 */
import { inSpan, isContext, type Span, startSpan } from '../../tracing.ts'
import type { Duty } from './duties.ts'

const NAMES = {
  run: 'village.run.id',
  kind: 'village.run.kind',
  generation: 'village.run.generation',
  stage: 'village.run.stage',
  slots: 'village.run.candidates',
  candidate: 'village.run.candidate',
  phase: 'village.run.phase',
} as const

/** What spans are a part of: the run's own span, the context that a member told, or nothing. */
export type RunParent = Span | Uint8Array | null

export interface RunSpans {
  readonly parent: RunParent
  /** For members that ask for the run; empty where there is none. */
  readonly context: Uint8Array
  /** The run is over, or this node goes on without it. Once; what comes later is ignored. */
  end(phase: string): void
}

const NO_CONTEXT = new Uint8Array(0)

/** `given` is what the member said that the run was fetched from. */
export function createRunSpans(init: {
  readonly run: string
  readonly kind: string
  readonly isOwn: boolean
  readonly isResumed: boolean
  readonly given: Uint8Array | null
}): RunSpans {
  const { run, kind, isOwn, isResumed, given } = init
  if (!isOwn) {
    const context = given !== null && isContext(given) ? given : NO_CONTEXT
    return { parent: context === NO_CONTEXT ? null : context, context, end: () => {} }
  }
  const attributes = { [NAMES.run]: run, [NAMES.kind]: kind, 'village.run.resumed': isResumed }
  const span = startSpan(`run ${kind}`, { attributes, ...(isResumed && { parent: null }) })
  return {
    parent: span,
    context: span.context ?? NO_CONTEXT,
    end(phase) {
      span.set({ [NAMES.phase]: phase })
      span.end()
    },
  }
}

/** What a member does for a run: `propose`, `commit`, `reveal`, `build`. */
export function dutySpan(
  parent: RunParent,
  init: { readonly run: string; readonly duty: Duty },
  work: (span: Span) => Promise<void>,
): Promise<void> {
  const { run, duty } = init
  const attributes = {
    [NAMES.run]: run,
    ...('generation' in duty && { [NAMES.generation]: duty.generation }),
    ...('stage' in duty && { [NAMES.stage]: duty.stage }),
    ...('slots' in duty && { [NAMES.slots]: duty.slots.length }),
  }
  return inSpan(`round ${duty.kind}`, { parent, attributes }, work)
}

/** One try of one candidate. */
export const scoreSpan = <T>(parent: Span, candidate: string, work: () => Promise<T>): Promise<T> =>
  inSpan('score candidate', { parent, attributes: { [NAMES.candidate]: candidate } }, work)
