/** Routes of the village: what it is, who is in it, who comes and goes. */

import { VillageError } from '../../errors.ts'
import type { Role } from '../../mesh/mesh.ts'
import { inviteQrSvg } from '../invite-qr.ts'
import {
  anyText,
  DONE,
  flag,
  INVITE,
  integer,
  listOf,
  MEMBER,
  OPEN_INVITE,
  object,
  orNull,
  PEER,
  ROLE,
  text,
  VILLAGE,
} from '../schemas.ts'
import { type Route, route } from './route.ts'

const MAX_INVITE_CHARACTERS = 16_384
const MAX_INVITE_MS = 366 * 86_400_000
const tag = 'village'

export const VILLAGE_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/village',
    scope: 'read',
    tag,
    id: 'getVillage',
    summary: 'The village that this node is in, or null.',
    response: { kind: 'json', status: 200, schema: object({ village: orNull(VILLAGE) }) },
    handle: async (_request, { villages }) => ({ village: villages.current() }),
  }),
  route<Record<string, never>, Record<string, never>, { name: string; open?: boolean }>({
    method: 'POST',
    path: '/api/v1/village',
    scope: 'admin',
    tag,
    id: 'createVillage',
    summary: 'Creates a village with this node as its first admin.',
    body: { kind: 'json', schema: object({ name: text(64), open: flag }, ['open']) },
    response: { kind: 'json', status: 201, schema: VILLAGE },
    slow: true,
    handle: async ({ body }, { villages }) => villages.create({ name: body.name, open: body.open ?? false }),
  }),
  route<Record<string, never>, Record<string, never>, { role: Role; expiresInMs: number; uses: number }>({
    method: 'POST',
    path: '/api/v1/village/invites',
    scope: 'admin',
    tag,
    id: 'createInvite',
    summary: 'Makes an invite: one string to copy, and its QR code as SVG (null when too long for one).',
    body: {
      kind: 'json',
      schema: object({ role: ROLE, expiresInMs: integer(1_000, MAX_INVITE_MS), uses: integer(1, 10_000) }),
    },
    response: { kind: 'json', status: 201, schema: INVITE },
    handle: async ({ body }, { villages }) => {
      const invite = await villages.invite(body)
      // A guest's invite to an open village is its address: no date or number bounds it.
      const bounds = invite.role === 'guest' ? { expiresAtMs: null, uses: null } : {}
      return { ...invite, ...bounds, qrSvg: await inviteQrSvg(invite.invite) }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/village/invites',
    scope: 'admin',
    tag,
    id: 'listInvites',
    summary: 'The open invites that were made on this node, without their secrets.',
    response: { kind: 'json', status: 200, schema: object({ invites: listOf(OPEN_INVITE) }) },
    handle: async (_request, { villages }) => ({ invites: await villages.invites() }),
  }),
  route<{ id: string }>({
    method: 'DELETE',
    path: '/api/v1/village/invites/:id',
    scope: 'admin',
    tag,
    id: 'withdrawInvite',
    summary: 'Withdraws an invite: nobody can join by it any more; who did stays.',
    params: object({ id: text(128) }),
    response: { kind: 'json', status: 200, schema: DONE },
    handle: async ({ params }, { villages }) => {
      await villages.withdraw(params.id, '')
      return { done: true }
    },
  }),
  route<Record<string, never>, Record<string, never>, { invite: string }>({
    method: 'POST',
    path: '/api/v1/village/join',
    scope: 'admin',
    tag,
    id: 'joinVillage',
    summary: 'Joins the village of an invite.',
    body: { kind: 'json', schema: object({ invite: text(MAX_INVITE_CHARACTERS) }) },
    response: { kind: 'json', status: 200, schema: VILLAGE },
    slow: true,
    handle: async ({ body, signal }, { villages }) => villages.join(body.invite.trim(), { signal }),
  }),
  route<Record<string, never>, { force?: boolean }>({
    method: 'POST',
    path: '/api/v1/village/leave',
    scope: 'admin',
    tag,
    id: 'leaveVillage',
    summary:
      'Leaves the village; its keys are removed from this node. The last admin of others, only with force.',
    query: object({ force: { type: 'boolean' } }, ['force']),
    response: { kind: 'json', status: 200, schema: DONE },
    errors: ['VILLAGE_LAST_ADMIN'],
    slow: true,
    handle: async ({ query }, { villages }) => {
      await villages.leave(query)
      return { done: true }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/members',
    scope: 'read',
    tag,
    id: 'listMembers',
    summary: 'Everybody on the roster, revoked members included.',
    response: { kind: 'json', status: 200, schema: object({ members: listOf(MEMBER) }) },
    handle: async (_request, { villages }) => ({ members: villages.members() }),
  }),
  route<{ peer: string }, Record<string, never>, { reason: string }>({
    method: 'POST',
    path: '/api/v1/members/:peer/revoke',
    scope: 'admin',
    tag,
    id: 'revokeMember',
    summary: 'Revokes a member: its connections end everywhere and it is not let in again.',
    params: object({ peer: text(128) }),
    body: { kind: 'json', schema: object({ reason: { type: 'string', maxLength: 256 } }) },
    response: { kind: 'json', status: 200, schema: DONE },
    handle: async ({ params, body }, { villages }) => {
      await villages.revoke(params.peer, body.reason)
      return { done: true }
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/peers',
    scope: 'read',
    tag,
    id: 'listPeers',
    summary: 'Members that are connected now.',
    response: { kind: 'json', status: 200, schema: object({ peers: listOf(PEER) }) },
    handle: async (_request, { mesh }) => ({ peers: mesh.peers() }),
  }),
  route<Record<string, never>, Record<string, never>, { address: string }>({
    method: 'POST',
    path: '/api/v1/peers/dial',
    scope: 'admin',
    tag,
    id: 'dialPeer',
    summary: 'Connects to the member at a multiaddr.',
    body: { kind: 'json', schema: object({ address: text() }) },
    response: { kind: 'json', status: 200, schema: object({ peer: anyText }) },
    slow: true,
    handle: async ({ body, signal }, { mesh }) => {
      if (!body.address.startsWith('/'))
        throw new VillageError(
          'INVALID_ARGUMENT',
          'body.address must be a multiaddr such as /ip4/192.0.2.1/tcp/4001',
          {
            fields: { field: 'body.address' },
          },
        )
      return { peer: await mesh.dial(body.address, { signal }) }
    },
  }),
]
