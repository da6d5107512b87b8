import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Level } from 'level'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../node/errors.ts'
import { DATA_VERSION } from '../node/migrations.ts'
import { openStore, prepareDataDirectory, type Store } from '../node/store.ts'

const STORE = pathToFileURL(path.resolve(import.meta.dirname, '../node/store.ts')).href
const posix = process.platform !== 'win32'

const store = suite<{ directory: string }>('store')
store.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-store-'))
})
store.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

async function using<T>(directory: string, use: (opened: Store) => Promise<T>): Promise<T> {
  const opened = await openStore({ directory })
  try {
    return await use(opened)
  } finally {
    await opened.close()
  }
}

async function rejection(promise: Promise<unknown>): Promise<VillageError> {
  const error = await promise.then(
    () => assert.unreachable('it did not reject'),
    (reason: unknown) => reason,
  )
  assert.instance(error, VillageError, String(error))
  return error as VillageError
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

store('keeps JSON by name over a restart', async ({ directory }) => {
  await using(directory, async (opened) => {
    await opened.json<{ n: number }>('jobs').put('a', { n: 1 }, { sync: true })
    await opened.json<string>('names').put('a', 'other table')
    assert.is(await opened.json('jobs').get('missing'), undefined)
  })
  await using(directory, async (opened) => {
    assert.equal(await opened.json('jobs').get('a'), { n: 1 })
    assert.is(await opened.json('names').get('a'), 'other table')
    await opened.json('jobs').del('a')
    await opened.json('jobs').del('never there')
    assert.is(await opened.json('jobs').get('a'), undefined)
  })
})

store('entries come in key order, and a prefix limits them', async ({ directory }) => {
  await using(directory, async (opened) => {
    const table = opened.json<number>('t')
    const keys = ['a', 'job:1', 'job:10', 'job:2', 'job:\u{1f3e1}', 'job:\uffff', 'job;', 'joc']
    await table.batch(keys.map((key, index) => ({ type: 'put', key, value: index })))
    assert.equal((await collect(table.entries())).map(([key]) => key).length, keys.length)
    assert.equal(
      (await collect(table.entries({ prefix: 'job:' }))).map(([key]) => key),
      ['job:1', 'job:10', 'job:2', 'job:\uffff', 'job:\u{1f3e1}'],
    )
    assert.equal(await collect(opened.json('empty').entries()), [])
  })
})

store('a batch is all or nothing', async ({ directory }) => {
  await using(directory, async (opened) => {
    const table = opened.json<unknown>('t')
    await table.put('old', 1)
    await table.batch(
      [
        { type: 'put', key: 'new', value: 2 },
        { type: 'del', key: 'old' },
      ],
      { sync: true },
    )
    assert.equal(await collect(table.entries()), [['new', 2]])
    const circular: Record<string, unknown> = {}
    circular.self = circular
    const failed = await table
      .batch([
        { type: 'put', key: 'good', value: 3 },
        { type: 'put', key: 'bad', value: circular },
      ])
      .catch((error: unknown) => error)
    assert.instance(failed, Error)
    assert.equal(await collect(table.entries()), [['new', 2]])
  })
})

store('a damaged value is DATA_CORRUPT, read alone or in a list', async ({ directory }) => {
  await using(directory, async (opened) => {
    await opened.json('t').put('a', 1)
    await opened.db.sublevel('t').put('b', '{"cut of')
    assert.is(await opened.json('t').get('a'), 1)
    assert.is((await rejection(opened.json('t').get('b'))).code, 'DATA_CORRUPT')
    assert.is((await rejection(collect(opened.json('t').entries()))).code, 'DATA_CORRUPT')
  })
})

store('the data directory is made for its owner alone', async ({ directory }) => {
  const deep = path.join(directory, 'a/b')
  await prepareDataDirectory(deep)
  await prepareDataDirectory(deep)
  if (posix) assert.is(statSync(deep).mode & 0o777, 0o700)
  assert.equal(readdirSync(deep), [], 'no probe is left')
})

if (posix)
  store(
    'the state is for its owner alone, also in a directory that others may read',
    async ({ directory }) => {
      chmodSync(directory, 0o755)
      await using(directory, async () => {
        assert.is(statSync(path.join(directory, 'state')).mode & 0o777, 0o700)
      })
    },
  )

if (process.platform === 'linux')
  store('a place where the system makes no directories is refused, not tried for ever', async () => {
    for (const place of ['/proc/village', '/proc/village/deep'])
      assert.is((await rejection(prepareDataDirectory(place))).code, 'DATA_DIR_READ_ONLY')
  })

store('the probe of a start that crashed is in nobody’s way', async ({ directory }) => {
  writeFileSync(path.join(directory, `.probe-${process.pid}`), '')
  await prepareDataDirectory(directory)
  assert.equal(readdirSync(directory), [])
})

store('a file in the place of the data directory, or above it', async ({ directory }) => {
  const file = path.join(directory, 'file')
  writeFileSync(file, 'mine')
  for (const target of [file, path.join(file, 'below')]) {
    const error = await rejection(openStore({ directory: target }))
    assert.is(error.code, 'DATA_DIR_READ_ONLY')
    assert.match(error.message, 'is not a directory')
  }
})

store('a second opening is DATA_DIR_LOCKED, and does not weaken the lock', async ({ directory }) => {
  const script = `
    const { openStore } = await import(${JSON.stringify(STORE)})
    await openStore({ directory: ${JSON.stringify(directory)} }).then(
      () => console.log('opened'),
      (error) => console.log(error.code, error.message))`
  const inAnotherProcess = () =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout.trim()
  const locked = `DATA_DIR_LOCKED Another daemon uses ${directory}`
  await using(directory, async () => {
    assert.is(inAnotherProcess(), locked)
    const link = path.join(directory, 'link')
    symlinkSync(directory, link)
    for (const target of [directory, `${directory}/.`, link])
      assert.is((await rejection(openStore({ directory: target }))).code, 'DATA_DIR_LOCKED')
    assert.is(inAnotherProcess(), locked, 'after a second opening in this process')
  })
  await using(directory, async (opened) => assert.is(opened.db.status, 'open'))
})

store('what was written with sync survives SIGKILL, and the lock does not', async ({ directory }) => {
  if (!posix) return
  const script = `
    const { openStore } = await import(${JSON.stringify(STORE)})
    const store = await openStore({ directory: ${JSON.stringify(directory)} })
    await store.json('t').put('kept', { n: 7 }, { sync: true })
    process.send('written')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await using(directory, async (opened) => assert.equal(await opened.json('t').get('kept'), { n: 7 }))
})

store('a read-only data directory is named', async ({ directory }) => {
  if (!posix) return
  const closed = path.join(directory, 'closed')
  mkdirSync(closed)
  chmodSync(directory, 0o755)
  chmodSync(closed, 0o555)
  const script = `
    const { prepareDataDirectory } = await import(${JSON.stringify(STORE)})
    process.setuid?.(process.getuid() === 0 ? 65534 : process.getuid()) // root may write anywhere
    for (const directory of process.argv.slice(1))
      await prepareDataDirectory(directory).then(
        () => console.log('writable'),
        (error) => console.log(error.code, error.message, error.fields.directory === directory))`
  const child = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script, closed, path.join(closed, 'below')],
    { encoding: 'utf8' },
  )
  assert.equal(
    child.stdout.trim().split('\n'),
    [closed, path.join(closed, 'below')].map(
      (target) => `DATA_DIR_READ_ONLY ${target} cannot be written true`,
    ),
    child.stderr,
  )
})

async function putVersion(directory: string, value: string): Promise<void> {
  const db = new Level<string, string>(path.join(directory, 'state'))
  await db.put('data-version', value)
  await db.close()
}

store('a new store has the version of today, and an old one keeps its data', async ({ directory }) => {
  await using(directory, async (opened) => {
    assert.is(await opened.db.get('data-version'), String(DATA_VERSION))
  })
})

store('a newer version is left alone', async ({ directory }) => {
  await putVersion(directory, String(DATA_VERSION + 1))
  const error = await rejection(openStore({ directory }))
  assert.is(error.code, 'DATA_VERSION_UNSUPPORTED')
  assert.equal(error.fields, { stored: DATA_VERSION + 1, supported: DATA_VERSION })
  const again = await rejection(openStore({ directory }))
  assert.is(again.code, 'DATA_VERSION_UNSUPPORTED', 'the lock was given back, the version is unchanged')
})

store('a version that is no number is damage', async ({ directory }) => {
  for (const value of ['seven', '0', '1.5', '-1']) {
    await putVersion(directory, value)
    assert.is((await rejection(openStore({ directory }))).code, 'DATA_CORRUPT', value)
  }
})

store('a damaged database is DATA_CORRUPT and nothing is deleted', async ({ directory }) => {
  await using(directory, (opened) => opened.json('t').put('a', 1, { sync: true }))
  const state = path.join(directory, 'state')
  const manifest = readdirSync(state).find((name) => name.startsWith('MANIFEST'))!
  writeFileSync(path.join(state, manifest), Buffer.alloc(500, 0xff))
  const before = readdirSync(state).sort()
  const error = await rejection(openStore({ directory }))
  assert.is(error.code, 'DATA_CORRUPT')
  const gone = before.filter((name) => !readdirSync(state).includes(name))
  assert.equal(gone, [])
})

store.run()
