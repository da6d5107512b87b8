/** The route that a backup of the running node is taken by. */
import { Readable } from 'node:stream'
import { VillageError } from '../../errors.ts'
import { object, oneOf } from '../schemas.ts'
import { RawReply, type Route, route } from './route.ts'

export const BACKUP_ROUTES: readonly Route[] = [
  route<Record<string, never>, { artifacts?: 'true' | 'false' }>({
    method: 'GET',
    path: '/api/v1/backup',
    scope: 'admin',
    tag: 'node',
    id: 'takeBackup',
    summary:
      'A backup of this node as a tar archive, its keys among it: for the token of the node alone. It is whole when it ends with its manifest.',
    query: object({ artifacts: oneOf('true', 'false') }, ['artifacts']),
    response: { kind: 'raw', status: 200, mediaType: 'application/x-tar' },
    errors: ['API_SCOPE', 'BACKUP_BUSY', 'BACKUP_FAILED'],
    slow: true,
    async handle({ query, principal, signal }, { backup }) {
      // A key can be revoked; the identity of the node cannot.
      if (principal.kind !== 'owner')
        throw new VillageError(
          'API_SCOPE',
          'A backup holds the keys of the node: it takes the node’s own token',
        )
      const archive = backup.stream({ withArtifacts: query.artifacts !== 'false' }, signal)
      return new RawReply(
        200,
        { 'content-type': 'application/x-tar' },
        Readable.from(archive, { objectMode: false, highWaterMark: 2 ** 18 }),
      )
    },
  }),
]
