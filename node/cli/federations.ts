/** `village federations …` */
import type { Client } from '../client.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { followFederation } from './federate-follow.ts'
import {
  type FederationView,
  federationTable,
  federationText,
  type JoinedView,
  joinedTable,
} from './federation-text.ts'
import { pickId } from './pick.ts'

interface Listed {
  readonly federations: readonly FederationView[]
  readonly joined: readonly JoinedView[]
}

const all = (client: Client) => client.get<Listed>('/api/v1/federations')

async function pick(client: Client, given: string): Promise<string> {
  const { federations } = await all(client)
  const ids = federations.map(({ id }) => id)
  return pickId(ids, given, 'federation', 'start', 'FEDERATION_UNKNOWN')
}

export function federationResult(view: FederationView): CommandResult {
  return {
    document: view,
    text: federationText(view),
    exitCode: view.state === 'failed' ? EXIT_CODES.jobFailed.code : EXIT_CODES.ok.code,
  }
}

export async function list(context: CommandContext): Promise<CommandResult> {
  const listed = await all(await context.client())
  const { federations, joined } = listed
  const parts = [
    ...(federations.length === 0 ? [] : [federationTable(federations)]),
    ...(joined.length === 0 ? [] : [joinedTable(joined)]),
  ]
  return {
    document: listed,
    text: parts.length === 0 ? 'No federations yet: village federate CONFIG' : parts.join('\n\n'),
  }
}

export async function show(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const id = await pick(client, context.args[0] ?? '')
  if (context.options.wait === true) return federationResult(await followFederation(context, client, id))
  return federationResult(await client.get<FederationView>(`/api/v1/federations/${id}`))
}

export async function stop(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const id = await pick(client, context.args[0] ?? '')
  const publish = context.options.publish === true
  const view = await client.send<FederationView>('POST', `/api/v1/federations/${id}/stop`, { publish })
  const none = publish ? ' There is no model: it had learned nothing yet.' : ''
  const made = view.model === null ? none : ` Its model so far is ${view.model}.`
  return { document: view, text: `Federation ${id} is stopped after ${view.round} rounds.${made}` }
}

export async function remove(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const id = await pick(client, context.args[0] ?? '')
  await client.send('DELETE', `/api/v1/federations/${id}`)
  return { document: { removed: id }, text: `Federation ${id} is forgotten.` }
}
