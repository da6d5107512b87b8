/** Routes of calls that wait for a person: what they are, what would change, and the decision. */
import { VillageError } from '../../errors.ts'
import { APPROVAL } from '../agent-schemas.ts'
import type { ApiContext } from '../components.ts'
import type { Principal } from '../principal.ts'
import { anyText, flag, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'agents'
const WRITES = 'file_write'
const READS = 'file_read'
const params = object({ id: text(64) })
type None = Record<string, never>
type Id = { id: string }

const PREVIEW = object({
  /** Null where the call writes no file of a granted folder, or one that cannot be shown. */
  file: orNull(object({ path: anyText, before: orNull(anyText), after: anyText, isCut: flag })),
  /** Why there is nothing to compare with. */
  problem: orNull(object({ code: anyText, message: anyText })),
})

/** The file as it is now; null where there is none yet. Throws what `file_read` throws. */
async function fileBefore(
  path: string,
  { agents }: Pick<ApiContext, 'agents'>,
  { asker, signal }: { asker: Principal; signal: AbortSignal },
): Promise<{ text: string; isCut: boolean } | null> {
  try {
    const { content } = await agents.callTool(
      { tool: READS, arguments: { path }, asker, via: 'preview' },
      signal,
    )
    const { text: before, nextOffset } = content as { text: string; nextOffset: number | null } // as file_read gives it
    return { text: before, isCut: nextOffset !== null }
  } catch (error) {
    if (error instanceof VillageError && error.code === 'NOT_FOUND') return null
    throw error
  }
}

export const APPROVAL_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/approvals',
    scope: 'operate',
    tag,
    id: 'listApprovals',
    summary: 'Calls that wait for a decision, oldest first: all of them for the owner, its own for a key.',
    response: { kind: 'json', status: 200, schema: object({ approvals: listOf(APPROVAL) }) },
    handle: async ({ principal }, { approvals }) => ({ approvals: approvals.list(principal) }),
  }),
  route<Id>({
    method: 'GET',
    path: '/api/v1/approvals/:id/preview',
    scope: 'operate',
    tag,
    id: 'previewApproval',
    summary:
      'What a call that waits would change: for `file_write`, the text of the file now (its beginning, where it is long) and after it.',
    params,
    response: { kind: 'json', status: 200, schema: PREVIEW },
    errors: ['APPROVAL_UNKNOWN'],
    async handle({ params: { id }, principal, signal }, api) {
      const waiting = api.approvals.list(principal).find((one) => one.id === id)
      if (waiting === undefined) throw new VillageError('APPROVAL_UNKNOWN')
      const { path, content } = waiting.arguments
      if (waiting.tool !== WRITES || typeof path !== 'string' || typeof content !== 'string')
        return { file: null, problem: null }
      try {
        const before = await fileBefore(path, api, { asker: principal, signal })
        return {
          file: { path, before: before?.text ?? null, after: content, isCut: before?.isCut ?? false },
          problem: null,
        }
      } catch (error) {
        if (!(error instanceof VillageError) || signal.aborted) throw error
        return { file: null, problem: { code: error.code, message: error.message } }
      }
    },
  }),
  route<Id, None, { decision: 'approve' | 'deny' }>({
    method: 'POST',
    path: '/api/v1/approvals/:id',
    scope: 'operate',
    tag,
    id: 'decideApproval',
    summary: 'Decides a call that waits; it is decided once, and answers with what was decided.',
    params,
    body: { kind: 'json', schema: object({ decision: oneOf('approve', 'deny') }) },
    response: { kind: 'json', status: 200, schema: APPROVAL },
    errors: ['APPROVAL_UNKNOWN'],
    handle: async ({ params: { id }, body, principal }, { approvals }) =>
      approvals.decide(id, body.decision, principal),
  }),
]
