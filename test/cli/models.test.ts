/** `village model …`: pulls that are followed, models that are shared. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ERRORS } from '../../node/errors.ts'
import { villageWith, withApi } from '../helpers/command-line.ts'
import { until } from '../helpers/mesh.ts'

const test = suite('model commands')

test('a pull is followed to its model', () =>
  withApi(async (cli, { services }) => {
    await cli('model', 'add', '--embedded', 'encoder')
    const running = cli('model', 'pull', 'somebody/model@v1', '--include', 'extra/*', '--no-adapters')
    await until('the pull has begun', () => services.pulls.list().length === 1)
    const [{ id, request }] = services.pulls.list() as [ReturnType<typeof services.pulls.need>]
    assert.equal(
      [request.name, request.revision, request.include, request.adapters],
      ['somebody/model', 'v1', ['extra/*'], false],
    )
    services.pulls.change(id, { stage: 'fetching', doneBytes: 5, totalBytes: 10 })
    services.pulls.change(id, { state: 'done', stage: 'done', doneBytes: 10, model: 'encoder' })
    const { code, out } = await running
    assert.is(code, 0)
    assert.match(out, /model +encoder/)
  }))

test('a pull that fails says why, and that it can go on', () =>
  withApi(async (cli, { services }) => {
    const running = cli('model', 'pull', 'somebody/model', '--json')
    await until('the pull has begun', () => services.pulls.list().length === 1)
    const { id } = services.pulls.list()[0]!
    services.pulls.change(id, {
      state: 'failed',
      error: { code: 'HUB_REFUSED', message: 'It needs a token.' },
    })
    const { code, json } = await running
    assert.is(code, 1)
    assert.is(json.error.code, 'HUB_REFUSED')
    const listed = await cli('model', 'pulls')
    assert.match(listed.out, id)
    assert.match(listed.out, 'HUB_REFUSED: It needs a token.')
    assert.ok(listed.out.includes(ERRORS.HUB_REFUSED.fix))
    assert.is(json.error.fix, ERRORS.HUB_REFUSED.fix)
    assert.is((await cli('model', 'cancel-pull', id)).code, 0)
    assert.is((await cli('model', 'cancel-pull', id)).code, 1)
    assert.match((await cli('model', 'pulls')).out, 'No pulls')
  }))

test('a pull that failed half way says that it goes on from there', () =>
  withApi(async (cli, { services }) => {
    const running = cli('model', 'pull', 'somebody/model')
    await until('the pull has begun', () => services.pulls.list().length === 1)
    services.pulls.change(services.pulls.list()[0]!.id, {
      state: 'failed',
      doneBytes: 2048,
      error: { code: 'HUB_UNREACHABLE', message: 'hub.test cannot be reached' },
    })
    const { code, out, err } = await running
    assert.is(code, 1)
    assert.is(out, '')
    assert.match(err, /What has come \(2\.0 KiB\) is kept/)
    assert.match(
      err,
      /error HUB_UNREACHABLE: somebody\/model was not pulled: hub\.test cannot be reached\nfix: /,
    )
  }))

test('what others share is listed with their names, and keeps to 80 columns', () =>
  withApi(async (cli, { services }) => {
    await cli('create', 'home')
    const shared = (end: string) => ({
      id: 'stories',
      name: 'stories260k',
      kind: 'language' as const,
      cid: `bafybeib5g3z4xk3q3bq7dhxqv3n5xj7xk3q3bq7dhxqv3n5xj7xk3${end}`,
      parameters: 1,
      sizeBytes: 2 ** 20,
      peers: [services.identity.peerId],
    })
    services.shares.list = () => [shared('one')]
    const { out } = await cli('model', 'list', '--village')
    const { name } = services.villages.members()[0]!
    assert.match(out, new RegExp(`stories +language +1\\.0 MiB +${name} +bafy….{5}one +stories260k`))
    for (const line of out.trim().split('\n')) assert.ok(line.length <= 80, line)
    services.shares.list = () => [shared('one'), shared('two')]
    const both = (await cli('model', 'list', '--village')).out
    assert.ok(both.includes(`stories is village:${shared('two').cid}`))
  }))

test('Ctrl-C leaves the pull to the daemon, and says how to end it', () =>
  withApi(async (_cli, { services, directory }) => {
    const ending = new AbortController()
    const running = villageWith({ signal: ending.signal }, directory, 'model', 'pull', 'somebody/model')
    await until('the pull has begun', () => services.pulls.list().length === 1)
    const { id } = services.pulls.list()[0]!
    ending.abort()
    const { code, err } = await running
    assert.is(code, 130)
    // Where the daemon's answer was there already its id is named, too.
    assert.match(
      err,
      new RegExp(`go(es)? on in the daemon: village model pulls( shows it|; .*cancel-pull ${id})`),
    )
    assert.is(services.pulls.need(id).state, 'running')
  }))

test('a model that is forgotten says which adapters are left without it, and how it comes back', () =>
  withApi(async (cli, { services }) => {
    await cli('model', 'add', '--embedded', 'encoder')
    const encoder = await services.models.need('encoder')
    const adapter = {
      ...encoder,
      id: 'tuned',
      kind: 'adapter' as const,
      cid: 'bafyadapter',
      base: encoder.cid,
    }
    const list = services.models.list
    Object.assign(services.models, { list: async () => [...(await list()), adapter] })
    assert.match((await cli('model', 'list')).out, /tuned +adapter .* encoder\n/)
    const { out } = await cli('model', 'rm', 'encoder')
    assert.match(
      out,
      `tuned is an adapter for it. To get the model back: village artifact get ${encoder.cid}`,
    )
    assert.match((await cli('model', 'list')).out, new RegExp(`${encoder.cid.slice(-8)}\n`))
  }))

test('a model is shared and not any more', () =>
  withApi(async (cli, { services }) => {
    await cli('model', 'add', '--embedded', 'encoder')
    assert.match((await cli('model', 'share', 'encoder')).out, /in no village yet: nobody hears of it/)
    await cli('create', 'home')
    assert.match((await cli('model', 'share', 'encoder')).out, 'village:encoder')
    assert.ok((await services.models.need('encoder')).shared)
    assert.match((await cli('model', 'share', 'encoder', '--stop')).out, 'not shared')
    assert.not((await services.models.need('encoder')).shared)
    assert.match((await cli('model', 'list', '--village')).out, 'No other member')
    assert.is((await cli('model', 'share', 'nothing')).code, 1)
  }))

test.run()
