/** Bytes that the API serves and takes: dashboard files, ranges of artifacts, uploads. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CAR_MEDIA_TYPE } from '../../node/api/routes/artifacts.ts'
import { startTestApi, type TestApi } from '../helpers/api-server.ts'

const test = suite('api content')

async function withApi(
  run: (server: TestApi) => Promise<void>,
  init: Parameters<typeof startTestApi>[0] = {},
) {
  const server = await startTestApi(init)
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

for (const target of [
  '/dashboard/../../package.json',
  '/dashboard/..%2f..%2fpackage.json',
  '/dashboard/%2e%2e/%2e%2e/errors.ts',
  '/dashboard/lib/../../server.ts',
  '/dashboard/....//server.ts',
  '/dashboard//etc/passwd',
  '/dashboard/app.js%00.html',
  '/dashboard/',
  '/..%5c..%5cpackage.json',
])
  test(`no file is reached by ${target}`, () =>
    withApi(async ({ ask }) => {
      const answer = await ask(target)
      assert.is(answer.status, 404, target)
      assert.is(answer.json.code, 'API_ROUTE_UNKNOWN')
    }))

test('the dashboard needs no token, has no inline code and is told apart by its etag', () =>
  withApi(async ({ ask }) => {
    const page = await ask('/', { token: null })
    assert.is(page.status, 200)
    assert.match(page.headers['content-type'] ?? '', /text\/html/)
    const html = page.bytes.toString()
    assert.not.match(html, /<script(?![^>]*src=)|<style| style=| on\w+=/)
    const sources = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]!)
    assert.equal(sources.toSorted(), ['/dashboard/first.css', '/dashboard/first.js', '/dashboard/icon.svg'])
    for (const source of sources) {
      const file = await ask(source, { token: null })
      assert.is(file.status, 200, source)
      const again = await ask(source, { token: null, headers: { 'if-none-match': file.headers.etag } })
      assert.is(again.status, 304)
    }
  }))

test('lists of jobs and tasks come in pages', () =>
  withApi(async ({ ask, services }) => {
    const ids: string[] = []
    for (let number = 0; number < 3; number++)
      ids.push((await services.jobs.submit({ kind: 'compress', params: { model: 'encoder' } })).id)
    const listed = async (query: string) =>
      (await ask(`/api/v1/jobs${query}`)).json as {
        jobs: { id: string; result: object | null }[]
        total: number
      }
    const all = await listed('')
    assert.is(all.total, 3)
    assert.equal(
      (await listed('?limit=2')).jobs.map(({ id }) => id),
      all.jobs.slice(-2).map(({ id }) => id),
    )
    const path = `/api/v1/jobs/${ids[0]}/tasks`
    const page = (await ask(`${path}?offset=1&limit=2`)).json as { tasks: { index: number }[]; total: number }
    assert.equal([page.tasks.map(({ index }) => index), page.total], [[1, 2], 4])
    for (const index of [0, 1, 2, 3]) services.finishTask(ids[0]!, index, 'peer')
    const resultOf = async (query: string) =>
      (await listed(query)).jobs.find(({ id }) => id === ids[0])!.result
    assert.is(await resultOf('?results=false'), null)
    assert.is.not(await resultOf(''), null)
    for (const wrong of ['/api/v1/jobs?limit=0', '/api/v1/jobs?limit=99999', `${path}?offset=-1`])
      assert.is((await ask(wrong)).status, 400, wrong)
  }))

test('every module that a dashboard module imports is served', () =>
  withApi(async ({ ask }) => {
    const seen = new Set<string>()
    const queue = ['/dashboard/first.js']
    for (let target = queue.pop(); target !== undefined; target = queue.pop()) {
      if (seen.has(target)) continue
      seen.add(target)
      const file = await ask(target, { token: null })
      assert.is(file.status, 200, target)
      assert.match(file.headers['content-type'] ?? '', /javascript/)
      for (const [, specifier] of file.bytes
        .toString()
        .matchAll(/\b(?:from ?|import\()['"](\.{0,2}\/[^'"\s]+)['"]/g))
        queue.push(new URL(specifier!, `http://x${target}`).pathname)
    }
    for (const name of ['pages/settings/page.js', 'parts/chart.js', 'lib/uplot.js'])
      assert.ok(seen.has(`/dashboard/${name}`), name)
  }))

test('ranges of an artifact', () =>
  withApi(async ({ ask, services }) => {
    const bytes = Buffer.from(Array.from({ length: 3 * 2 ** 20 + 5 }, (_, index) => index % 251))
    const { cid } = await services.addArtifact(bytes, { name: 'großes "Ding".bin' })
    const target = `/api/v1/artifacts/${cid}/content`
    const whole = await ask(target)
    assert.is(whole.status, 200)
    assert.ok(whole.bytes.equals(bytes))
    assert.is(whole.headers['content-length'], String(bytes.length))
    assert.is(whole.headers['accept-ranges'], 'bytes')
    assert.is(
      whole.headers['content-disposition'],
      `attachment; filename*=UTF-8''gro%C3%9Fes%20%22Ding%22.bin`,
    )
    const middle = await ask(target, { headers: { range: 'bytes=1048570-2097160' } })
    assert.is(middle.status, 206)
    assert.ok(middle.bytes.equals(bytes.subarray(1_048_570, 2_097_161)))
    assert.is(middle.headers['content-range'], `bytes 1048570-2097160/${bytes.length}`)
    const tail = await ask(target, { headers: { range: 'bytes=-7' } })
    assert.ok(tail.bytes.equals(bytes.subarray(-7)))
    const beyond = await ask(target, { headers: { range: `bytes=${bytes.length}-` } })
    assert.is(beyond.status, 416)
    assert.is(beyond.headers['content-range'], `bytes */${bytes.length}`)
    assert.is((await ask(target, { headers: { range: 'bytes=0-0', 'if-range': '"other"' } })).status, 200)
    assert.is((await ask(target, { headers: { range: 'bytes=0-0', 'if-range': `"${cid}"` } })).status, 206)
    assert.is((await ask(target, { headers: { 'if-none-match': `"${cid}"` } })).status, 304)
  }))

test('lists of artifacts and models come in pages, each thing once', () =>
  withApi(async ({ ask, services }) => {
    const all: string[] = []
    for (let number = 0; number < 5; number++)
      all.push((await services.addArtifact(Buffer.from(`content ${number}`))).cid)
    const pages = async (path: string, list: string, key: string) => {
      const seen: string[] = []
      for (let query = '?limit=2'; ; ) {
        const { json, status } = await ask(`${path}${query}`)
        assert.is(status, 200)
        assert.ok(json[list].length <= 2)
        seen.push(...json[list].map((item: Record<string, string>) => item[key]))
        if (json.next === null) return seen
        query = `?limit=2&cursor=${encodeURIComponent(json.next)}`
        // What goes in between is no reason to tell anything twice, or not at all.
        if (seen.length === 2) await services.artifacts.remove(seen[0]!).catch(() => {})
      }
    }
    assert.equal((await pages('/api/v1/artifacts', 'artifacts', 'cid')).sort(), all.sort())
    for (const id of ['a', 'b', 'c']) await services.models.add({ embedded: 'encoder', id })
    assert.equal(await pages('/api/v1/models', 'models', 'id'), ['a', 'b', 'c'])
    for (const query of ['?limit=0', '?limit=1000000', '?cursor=x', '?cursor=', '?other=1'])
      assert.is((await ask(`/api/v1/artifacts${query}`)).json.code, 'INVALID_ARGUMENT', query)
  }))

test('pins of the daemon are not a client’s to set or to take away', () =>
  withApi(async ({ ask, services }) => {
    const { cid } = await services.addArtifact(Buffer.from('a model'), { pin: 'model:mine' })
    const octets = { 'content-type': 'application/octet-stream' }
    for (const name of ['model:mine', 'job:abc', 'work:peer', 'a:b']) {
      const pin = encodeURIComponent(name)
      const asks: [target: string, method: string, body?: Uint8Array | object, headers?: object][] = [
        [`/api/v1/artifacts/${cid}/pins/${pin}`, 'PUT'],
        [`/api/v1/artifacts/${cid}/pins/${pin}`, 'DELETE'],
        [`/api/v1/artifacts?pin=${pin}`, 'POST', Buffer.from('x'), octets],
        [`/api/v1/artifacts/import?pin=${pin}`, 'POST', Buffer.from('x'), { 'content-type': CAR_MEDIA_TYPE }],
        ['/api/v1/artifacts/path', 'POST', { path: '/etc/hostname', pin: name }],
        [`/api/v1/artifacts/${cid}/fetch`, 'POST', { pin: name }],
      ]
      for (const [target, method, body, headers] of asks) {
        const { json } = await ask(target, {
          method,
          ...(body === undefined ? {} : { body }),
          ...(headers === undefined ? {} : { headers: { ...headers } }),
        })
        assert.is(json.code, 'INVALID_ARGUMENT', `${method} ${target}`)
      }
    }
    assert.equal((await services.artifacts.info(cid))?.pins, ['model:mine'])
  }))

test('an upload larger than the JSON limit is stored, one larger than the disk share is refused', () =>
  withApi(
    async ({ ask }) => {
      const headers = { 'content-type': 'application/octet-stream' }
      const stored = await ask('/api/v1/artifacts', {
        method: 'POST',
        body: Buffer.alloc(3 * 2 ** 20),
        headers,
      })
      assert.is(stored.status, 201)
      assert.is(stored.json.sizeBytes, 3 * 2 ** 20)
      const full = await ask('/api/v1/artifacts', {
        method: 'POST',
        body: Buffer.alloc(2 * 2 ** 20),
        headers,
      })
      assert.is(full.status, 507)
      assert.is(full.json.code, 'DISK_FULL')
    },
    { config: { 'resources.maxDiskBytes': 4 * 2 ** 20, 'api.maxBodyBytes': 2 ** 20 } },
  ))

test.run()
