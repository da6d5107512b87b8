/** What of the configuration a key may change, whatever its scope, and what takes the token of the node. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FIELDS, isConfigKey } from '../../node/config.ts'
import { startTestApi } from '../helpers/api-server.ts'

/** Each that names a program, a file, a folder or an address, or takes back what the owner denied. */
const OWNED = [
  ...[
    'agents.denyTools',
    'agents.endpoints',
    'agents.endpointsMaySee',
    'agents.folders',
    'agents.mcpServers',
  ],
  ...[
    'agents.offer',
    'agents.offerCode',
    'api.corsOrigins',
    'api.host',
    'data.dir',
    'federate.data',
    'log.file',
  ],
  ...['models.hubUrl', 'selfEvolution.goals', 'tracking.directory'],
]
/** Lists and texts that a key may set: they name members, kinds, models and weights. */
const OPEN = [
  ...['agents.model', 'agents.weights', 'compute.native', 'federate.servers', 'knowledge.answerModel'],
  ...['log.level', 'mesh.announce', 'mesh.bootstrap', 'mesh.listen', 'mesh.profile', 'node.name', 'profile'],
  ...['resources.onBattery', 'rounds.kinds', 'tracking.formats', 'tracking.project'],
]
const test = suite('owner’s keys')

test('every list and text of the table was decided', () => {
  const keys = Object.keys(FIELDS).filter(isConfigKey)
  assert.equal(keys.filter((key) => FIELDS[key].ownerOnly).sort(), [...OWNED].sort())
  const named = keys.filter((key) => {
    const { default: value, unit } = FIELDS[key]
    return typeof value === 'string' || Array.isArray(value) || (value === null && unit === '')
  })
  assert.equal(
    named.filter((key) => !OWNED.includes(key) && !OPEN.includes(key)),
    [],
  )
})

test('a key of scope admin sets the others alone, and all or nothing', async () => {
  const server = await startTestApi()
  try {
    const made = await server.ask('/api/v1/keys', { method: 'POST', body: { name: 'k', scope: 'admin' } })
    const { secret } = made.json as { secret: string }
    const patch = (changes: object, token?: string) =>
      server.ask('/api/v1/config', {
        method: 'PATCH',
        body: { changes },
        ...(token === undefined ? {} : { token }),
      })
    const refused = await patch({ 'jobs.work': false, 'agents.mcpServers': ['x=sh -c id'] }, secret)
    assert.is(refused.status, 403)
    assert.is((refused.json as { code: string }).code, 'API_SCOPE')
    assert.is((await patch({ 'jobs.work': false }, secret)).status, 200)
    assert.is((await patch({ 'agents.denyTools': ['file_write'] })).status, 200)
  } finally {
    await server.close()
  }
})

test.run()
