/** `village ledger list|show|verify|export` */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import { refuseExisting, writeOutput } from './artifact-transfer.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { bytes, counted, short, table, time } from './format.ts'
import { allRuns, pickRun, stateText } from './run-view.ts'

const LEDGER_MEDIA_TYPE = 'application/vnd.aivillage.ledger'

interface BlockView {
  readonly height: number
  readonly hash: string
  readonly timeMs: number
  readonly proposer: string
  readonly certifiedView: number
  readonly votes: number
  readonly sizeBytes: number
  readonly statements: readonly { readonly kind: string; readonly author: string; readonly about: string }[]
}

type Verdict =
  | {
      readonly ok: true
      readonly run: string
      readonly height: number
      readonly hash: string
      readonly timeMs: number
      readonly statements: number
      readonly sizeBytes: number
    }
  | { readonly ok: false; readonly code: string; readonly height: number; readonly reason: string }

export async function list(context: CommandContext): Promise<CommandResult> {
  const runs = await allRuns(await context.client())
  const ledgers = runs.map(({ run, name, height, tip, announcedAtMs }) => ({
    run,
    name,
    height,
    tip,
    announcedAtMs,
  }))
  return {
    document: { ledgers },
    text:
      runs.length === 0
        ? 'No ledgers: there was no run of evolution yet.'
        : table(
            ['RUN', 'NAME', 'STATE', 'BLOCKS', 'TIP', 'ANNOUNCED'],
            runs.map((view) => [
              view.run.slice(0, 12),
              view.name,
              stateText(view),
              String(view.height),
              view.tip.slice(0, 12),
              time(view.announcedAtMs),
            ]),
            { whole: [0, 4, 5] },
          ),
  }
}

function blockText(block: BlockView): string {
  const { height, hash, timeMs, proposer, certifiedView, votes, sizeBytes, statements } = block
  const head = `${String(height).padStart(5)}  ${new Date(timeMs).toISOString()}  ${hash.slice(0, 16)}  by ${short(proposer)}`
  const facts = `view ${certifiedView}, ${counted(votes, 'vote')}, ${bytes(sizeBytes)}`
  const said = statements.map(
    ({ kind, author, about }) => `         ${kind.padEnd(8)} ${short(author)}  ${about}`,
  )
  return [`${head}  ${facts}`, ...(said.length > 0 ? said : ['         a deadline passed'])].join('\n')
}

function wholeNumber(context: CommandContext, name: string): number {
  const value = Number(optionText(context, name))
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new VillageError('USAGE', `--${name} takes a whole number from 1 on`)
}

export async function show(context: CommandContext): Promise<CommandResult> {
  const [from, limit] = [wholeNumber(context, 'from'), wholeNumber(context, 'limit')]
  const client = await context.client()
  const run = await pickRun(client, context.args[0] ?? '')
  const blocks: BlockView[] = []
  while (blocks.length < limit) {
    const query = `from=${from + blocks.length}&limit=${Math.min(1_000, limit - blocks.length)}`
    const page = await client.get<{ blocks: BlockView[] }>(`/api/v1/runs/${run}/blocks?${query}`)
    if (page.blocks.length === 0) break
    blocks.push(...page.blocks)
  }
  return {
    document: { run, blocks },
    text: blocks.length === 0 ? 'There is no such block.' : blocks.map(blockText).join('\n'),
  }
}

const FIX = 'Take the ledger again from another member (village ledger export); do not rely on this one.'

/** A file where there is one of this name, else the id of a run. */
async function verdictOf(client: Client, given: string): Promise<Verdict> {
  const isFile = (await stat(given).catch(() => null))?.isFile() === true
  if (isFile) return client.upload('/api/v1/ledgers/verify', LEDGER_MEDIA_TYPE, createReadStream(given))
  if (/[./\\]/.test(given))
    throw new VillageError('FILE_UNREADABLE', `There is no file ${given}`, { fields: { path: given } })
  return client.get(`/api/v1/runs/${await pickRun(client, given)}/verify`)
}

export async function verify(context: CommandContext): Promise<CommandResult> {
  const verdict = await verdictOf(await context.client(), context.args[0] ?? '')
  if (!verdict.ok)
    return {
      document: verdict,
      text: [
        `Block ${verdict.height} is not valid (${verdict.code}): ${verdict.reason}`,
        verdict.height > 1 ? `Blocks 1 to ${verdict.height - 1} are.` : 'There is none before it.',
        `fix: ${FIX}`,
      ].join('\n'),
      exitCode: EXIT_CODES.failure.code,
    }
  const { run, height, hash, statements, sizeBytes } = verdict
  return {
    document: verdict,
    text: `The ledger of ${run} is whole: ${counted(height, 'block')} with ${counted(statements, 'statement')} (${bytes(sizeBytes)}), up to ${hash}.`,
  }
}

export async function exportLedger(context: CommandContext): Promise<CommandResult> {
  const [given = '', file = ''] = context.args
  const client = await context.client()
  const run = await pickRun(client, given)
  if (file !== '-') await refuseExisting(path.resolve(file), context.options.force === true)
  const response = await client.download(`/api/v1/runs/${run}/ledger`)
  await writeOutput(response, file)
  if (file === '-') return { document: undefined, text: '' }
  return {
    document: { run, path: path.resolve(file) },
    text: `The ledger of ${run} is in ${path.resolve(file)}.`,
  }
}
