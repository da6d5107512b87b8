/** What ends work that is to be finished when its client goes away. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { unlessLeft } from '../../node/api/when-left.ts'
import { VillageError } from '../../node/errors.ts'

const test = suite('when left')
const OWNER = { kind: 'owner', id: 'owner', scope: 'admin' } as const
const KEY = { kind: 'key', id: 'k', scope: 'ask' } as const

test('a client that goes away ends nothing; the end of the daemon and of the key do', () => {
  const key = new AbortController()
  const keys = { signal: () => key.signal }
  const left = new AbortController()
  const [byOwner, byKey] = [unlessLeft(left.signal, OWNER, keys), unlessLeft(left.signal, KEY, keys)]
  left.abort(new VillageError('ABORTED', 'The client went away'))
  assert.not.ok(byOwner.aborted || byKey.aborted)
  key.abort(new VillageError('API_UNAUTHORIZED', 'The key was revoked'))
  assert.not.ok(byOwner.aborted)
  assert.is(byKey.reason.code, 'API_UNAUTHORIZED')
  const stopping = new AbortController()
  const stopped = unlessLeft(stopping.signal, OWNER, keys)
  stopping.abort(new VillageError('SHUTTING_DOWN'))
  assert.is(stopped.reason.code, 'SHUTTING_DOWN')
  assert.is(unlessLeft(stopping.signal, OWNER, keys).reason.code, 'SHUTTING_DOWN')
})

test.run()
