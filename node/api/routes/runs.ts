/** Routes of runs of evolution and of their ledgers. */
import { Readable } from 'node:stream'
import { VillageError } from '../../errors.ts'
import { MAX_ARCHIVE_BYTES } from '../../federated/ledger/archive.ts'
import type { RunAction } from '../../federated/rounds/rounds.ts'
import type { JsonObject } from '../../json.ts'
import { BLOCK, RUN, RUN_ACTION, VERDICT } from '../run-schemas.ts'
import { anyObject, DONE, flag, integer, listOf, object, text } from '../schemas.ts'
import { RawReply, type Route, route } from './route.ts'

const tag = 'runs'
const PARAMS = object({ run: text(64) })
export const LEDGER_MEDIA_TYPE = 'application/vnd.aivillage.ledger'
const SHOWN_BLOCKS = 100
const MAX_SHOWN_BLOCKS = 1_000
type None = Record<string, never>
type Run = { run: string }

async function readLedger(source: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MAX_ARCHIVE_BYTES)
      throw new VillageError(
        'API_BODY_TOO_LARGE',
        `A ledger of more than ${MAX_ARCHIVE_BYTES / 2 ** 20} MiB is not taken`,
        {
          fields: { maxBytes: MAX_ARCHIVE_BYTES },
        },
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export const RUN_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/runs',
    scope: 'read',
    tag,
    id: 'listRuns',
    summary: 'Runs of evolution of this village, oldest first.',
    response: { kind: 'json', status: 200, schema: object({ runs: listOf(RUN) }) },
    handle: async (_request, { rounds }) => ({ runs: rounds.list() }),
  }),
  route<None, None, { spec: JsonObject; dryRun?: boolean; measure?: boolean }>({
    method: 'POST',
    path: '/api/v1/runs',
    scope: 'operate',
    tag,
    id: 'announceRun',
    summary:
      'Announces a run (docs/rounds.md has the spec); members that may take part do. With `dryRun` it says what the run would be, and announces nothing; with `measure` as well, one candidate is scored here (for 30 s at most), and `plan.cost` tells the time of the whole.',
    body: {
      kind: 'json',
      schema: object({ spec: anyObject, dryRun: flag, measure: flag }, ['dryRun', 'measure']),
    },
    response: { kind: 'json', status: 201, schema: object({ run: RUN, plan: anyObject }, ['run', 'plan']) },
    errors: ['VILLAGE_NONE', 'EVOLVE_CONFIG_INVALID', 'RUN_TOO_MANY', 'MODEL_UNKNOWN'],
    slow: true,
    handle: async ({ body: { spec, dryRun = false, measure = false }, signal }, { rounds }) =>
      dryRun
        ? { plan: await rounds.plan(spec, measure, signal) }
        : { run: await rounds.announce(spec, signal) },
  }),
  route<Run>({
    method: 'GET',
    path: '/api/v1/runs/:run',
    scope: 'read',
    tag,
    id: 'getRun',
    summary: 'One run: its phase, what it waits for, who takes part, what it has cost.',
    params: PARAMS,
    response: { kind: 'json', status: 200, schema: object({ run: RUN }) },
    errors: ['RUN_UNKNOWN'],
    handle: async ({ params }, { rounds }) => ({ run: rounds.view(params.run) }),
  }),
  route<Run>({
    method: 'GET',
    path: '/api/v1/runs/:run/state',
    scope: 'read',
    tag,
    id: 'getRunState',
    summary:
      'Everything that the ledger of a run says, as every member computes it: candidates, scores, history.',
    params: PARAMS,
    response: { kind: 'json', status: 200, schema: object({ state: anyObject }) },
    errors: ['RUN_UNKNOWN'],
    handle: async ({ params }, { rounds }) => ({ state: rounds.details(params.run).state }),
  }),
  route<Run>({
    method: 'GET',
    path: '/api/v1/runs/:run/report',
    scope: 'read',
    tag,
    id: 'reportRun',
    summary: 'How a run went: generations, candidates, the winner against the seeds, who did what.',
    params: PARAMS,
    response: { kind: 'json', status: 200, schema: anyObject },
    errors: ['RUN_UNKNOWN'],
    slow: true,
    handle: async ({ params, signal }, { rounds }) => rounds.report(params.run, signal),
  }),
  route<Run, None, { action: RunAction }>({
    method: 'POST',
    path: '/api/v1/runs/:run/control',
    scope: 'operate',
    tag,
    id: 'controlRun',
    summary:
      'Starts a run that waits for members, pauses it, resumes it, stops it (its announcer and admins), or joins or leaves it with this node. It takes effect with the next block.',
    params: PARAMS,
    body: { kind: 'json', schema: object({ action: RUN_ACTION }) },
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['RUN_UNKNOWN', 'RUN_OVER', 'RUN_NOT_ALLOWED'],
    handle: async ({ params, body }, { rounds }) => {
      rounds.act(params.run, body.action)
      return { done: true }
    },
  }),
  route<Run>({
    method: 'DELETE',
    path: '/api/v1/runs/:run',
    scope: 'operate',
    tag,
    id: 'removeRun',
    summary:
      'Removes a run and its ledger from this node for good, leaving it where it goes on. The others go on with it.',
    params: PARAMS,
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['RUN_UNKNOWN'],
    handle: async ({ params }, { rounds }) => {
      await rounds.remove(params.run)
      return { done: true }
    },
  }),
  route<Run, None, { genome: JsonObject }>({
    method: 'POST',
    path: '/api/v1/runs/:run/candidates',
    scope: 'operate',
    tag,
    id: 'suggestCandidate',
    summary: 'Puts a genome of your own into the next slot that belongs to this node.',
    params: PARAMS,
    body: { kind: 'json', schema: object({ genome: anyObject }) },
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['RUN_UNKNOWN', 'RUN_OVER'],
    handle: async ({ params, body }, { rounds }) => {
      rounds.suggest(params.run, body.genome)
      return { done: true }
    },
  }),
  route<Run, { from?: number; limit?: number }>({
    method: 'GET',
    path: '/api/v1/runs/:run/blocks',
    scope: 'read',
    tag,
    id: 'listBlocks',
    summary:
      'Blocks of the ledger of a run from the height `from` (1) on, at most `limit` (100): who said what.',
    params: PARAMS,
    query: object({ from: integer(1), limit: integer(1, MAX_SHOWN_BLOCKS) }, ['from', 'limit']),
    response: { kind: 'json', status: 200, schema: object({ blocks: listOf(BLOCK) }) },
    errors: ['RUN_UNKNOWN', 'LEDGER_CORRUPT'],
    handle: async ({ params, query: { from = 1, limit = SHOWN_BLOCKS } }, { rounds }) => ({
      blocks: await rounds.blocks(params.run, from, limit),
    }),
  }),
  route<Run>({
    method: 'GET',
    path: '/api/v1/runs/:run/ledger',
    scope: 'read',
    tag,
    id: 'exportLedger',
    summary: 'The whole ledger of a run as one file that anybody can verify (docs/protocols/ledger.md).',
    params: PARAMS,
    response: { kind: 'raw', status: 200, mediaType: LEDGER_MEDIA_TYPE },
    errors: ['RUN_UNKNOWN', 'LEDGER_CORRUPT'],
    slow: true,
    handle: async ({ params }, { rounds }) => {
      const bytes = await rounds.exportLedger(params.run)
      const headers = {
        'content-type': LEDGER_MEDIA_TYPE,
        'content-length': String(bytes.byteLength),
        'content-disposition': `attachment; filename="${encodeURIComponent(params.run)}.ledger"`,
      }
      return new RawReply(200, headers, Readable.from([Buffer.from(bytes)], { objectMode: false }))
    },
  }),
  route<Run>({
    method: 'GET',
    path: '/api/v1/runs/:run/verify',
    scope: 'read',
    tag,
    id: 'verifyRun',
    summary: 'Verifies the ledger of a run as this node keeps it, from the announcement on.',
    params: PARAMS,
    response: { kind: 'json', status: 200, schema: VERDICT },
    errors: ['RUN_UNKNOWN', 'LEDGER_CORRUPT'],
    slow: true,
    handle: async ({ params }, { rounds }) => rounds.verify(params.run),
  }),
  route<None, None, Readable>({
    method: 'POST',
    path: '/api/v1/ledgers/verify',
    scope: 'ask',
    tag,
    id: 'verifyLedger',
    summary: 'Verifies a ledger that is sent as a file, of any village, from its bytes alone.',
    body: { kind: 'stream', mediaType: LEDGER_MEDIA_TYPE },
    response: { kind: 'json', status: 200, schema: VERDICT },
    errors: ['LEDGER_MALFORMED', 'RUN_UNSUPPORTED', 'API_BODY_TOO_LARGE'],
    slow: true,
    handle: async ({ body }, { rounds }) => rounds.verifyArchive(await readLedger(body)),
  }),
]
