/** `village key` against a real HTTP API over in-memory services. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { askHttp } from '../helpers/api-server.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('village key')

test('made, used, listed, revoked', () =>
  withApi(async (cli, { api }) => {
    const made = await cli(
      'key',
      'create',
      'editor',
      '--scope',
      'read',
      '--expires',
      '90d',
      '--rate',
      '60',
      '--quota',
      '5000',
    )
    assert.is(made.code, 0, made.err)
    const [secret] = made.out.split('\n')
    assert.match(secret!, /^vk_[\w-]{43}$/)
    assert.match(made.out, /not shown again/)
    assert.match(made.out, new RegExp(`base URL ${api.url()}/v1`))
    assert.is((await askHttp(api.url(), '/api/v1/status', { token: secret! })).status, 200)
    const list = await cli('key')
    assert.match(list.out, /editor +read +20\d\d-\d\d-\d\d \d\d:\d\d .* 60 +1 +0 of 5,000/)
    assert.not.match(list.out, secret!.slice(3))
    assert.is((await cli('key', 'revoke', 'editor')).code, 0)
    assert.is((await askHttp(api.url(), '/api/v1/status', { token: secret! })).status, 401)
    assert.match((await cli('key', 'list')).out, /no keys/)
  }))

test('what is wrong is named', () =>
  withApi(async (cli) => {
    const code = async (...args: string[]) => (await cli('key', ...args, '--json')).json.error.code
    assert.is(await code('create', 'x', '--rate', '0'), 'USAGE')
    assert.is(await code('create', 'x', '--expires', 'soon'), 'USAGE')
    assert.is(await code('create', 'x', '--scope', 'all'), 'USAGE')
    assert.is(await code('create', 'Not a name'), 'USAGE')
    assert.is(await code('revoke', 'nobody'), 'KEY_UNKNOWN')
  }))
test.run()
