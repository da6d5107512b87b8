/** `village evolve report`. */
import { Readable } from 'node:stream'
import type { Client } from '../client.ts'
import { refuseExisting, writeOutput } from './artifact-transfer.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { type RunView, runPath } from './evolve-follow.ts'
import { reportPage } from './evolve-html.ts'
import { reportText } from './evolve-text.ts'
import type { ReportView } from './evolve-view.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { printable } from './format.ts'
import { pickId } from './pick.ts'

export async function findRun(client: Client, given: string): Promise<string> {
  const { runs } = await client.get<{ runs: readonly RunView[] }>('/api/v1/runs')
  return pickId(
    runs.map(({ run }) => run),
    given,
    'run',
    'start',
  )
}

/** What a command that waited for a run ends with: only a winner is a success. */
export const reportResult = (report: ReportView): CommandResult => ({
  document: report,
  text: reportText(report),
  exitCode: report.phase === 'published' ? EXIT_CODES.ok.code : EXIT_CODES.jobFailed.code,
})

export async function report(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const run = await findRun(client, context.args[0] ?? '')
  const html = optionText(context, 'html')
  if (html !== null) await refuseExisting(html, context.options.force === true)
  const found = await client.get<ReportView>(`${runPath(run)}/report`)
  if (html === null) return { document: found, text: reportText(found) }
  await writeOutput(Readable.from([reportPage(found)]), html)
  return { document: found, text: `The report of ${printable(found.name)} is in ${html}` }
}
