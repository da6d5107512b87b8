/** `village index` and `village collection …` against an API. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EMPTY_REPORT, type IndexReport } from '../../node/agents/rag/collections/index-run.ts'
import { villageWith, withApi } from '../helpers/command-line.ts'

const test = suite('cli collections')

const REPORT: IndexReport = {
  ...EMPTY_REPORT,
  added: 1_204,
  changed: 2,
  unchanged: 7,
  removed: 1,
  skipped: 30,
  chunks: 5_000,
  skippedSources: Array.from({ length: 30 }, (_, index) => ({
    source: index === 0 ? 'evil\u001b[2J.md' : `notes/${index}.pdf`,
    code: index < 28 ? 'PDF_NO_TEXT' : 'DUPLICATE',
    message: 'Why.',
  })),
  warnings: [{ source: 'a.txt', message: 'Read as latin-1.' }],
  left: { hidden: 3, excluded: 0, unsupported: [{ extension: '.png', files: 12 }] },
}

test('index makes the collection, waits, and reports', () =>
  withApi(async (cli, { services, directory }) => {
    const folder = path.join(directory, 'notes')
    await mkdir(folder)
    const running = cli(
      'index',
      folder,
      'file:///tmp/x',
      '--collection',
      'notes',
      '--access',
      'village',
      '--no-embed',
    )
    await started(services, 1)
    services.collections.change('run-0', {
      state: 'running',
      files: 9,
      isCounted: true,
      totalBytes: 100,
      doneBytes: 50,
    })
    services.collections.change('run-0', { state: 'done', finishedAtMs: 1_800_000_003_000, report: REPORT })
    const { code, out } = await running
    assert.is(code, 0)
    assert.match(
      out,
      'notes: 1,204 added, 2 changed, 7 unchanged, 1 removed; 5,000 passages written in 3.0 s.',
    )
    assert.match(out, 'Not looked at: 3 hidden; 12 files of formats that are not read (.png 12).')
    assert.match(out, '30 items skipped: PDF_NO_TEXT 28, DUPLICATE 2')
    assert.match(out, 'evil\\u{1b}[2J.md')
    assert.match(out, '… and 10 more')
    assert.match(out, 'warning: a.txt: Read as latin-1.')
    assert.not.ok(out.includes('\u001b'))
    const info = await services.collections.need('notes')
    assert.equal([info.access, info.encoder], ['village', null])
    assert.equal(services.collections.wishes[0], { paths: [folder, 'file:///tmp/x'] })
  }))

/** Resolves when so many runs were begun. */
async function started(
  services: Parameters<Parameters<typeof withApi>[0]>[1]['services'],
  count: number,
): Promise<void> {
  while (services.collections.runs().length < count) await new Promise((resolve) => setImmediate(resolve))
}

test('index into a collection that is there, in the background; runs are listed and cancelled', () =>
  withApi(async (cli, { services, directory }) => {
    await services.collections.create({ name: 'notes' })
    const options = [
      '--include',
      '*.md',
      '--exclude',
      'old/**',
      '--language',
      'de',
      '--watch',
      '--background',
    ]
    const begun = await cli('index', directory, '--collection', 'notes', ...options, '--json')
    assert.is(begun.code, 0, begun.out)
    assert.is(begun.json.state, 'running')
    assert.equal(services.collections.wishes[0], {
      ...{ paths: [directory], watch: true, include: ['*.md'], exclude: ['old/**'], language: 'de' },
    })
    assert.match(
      (await cli('index', '--list')).out,
      /^RUN +COLLECTION +WHY +STATE +BEGAN +TOOK .*\nrun-0 +notes +request +running +2027-01-15 08:00 +- /,
    )
    const cancelled = await cli('index', '--cancel', 'run-0')
    assert.match(cancelled.out, '(cancelled: what was done by then stays)')
    assert.is((await cli('index', '--cancel', 'none')).code, 1)
  }))

test('index says what is wrong before anything begins', () =>
  withApi(async (cli, { services, directory }) => {
    await services.collections.create({ name: 'notes' })
    assert.is((await cli('index', directory)).code, 2)
    assert.is((await cli('index', '--collection', 'notes')).code, 2)
    assert.match(
      (await cli('index', path.join(directory, 'none'), '--collection', 'notes')).err,
      'FILE_UNREADABLE',
    )
    assert.match((await cli('index', directory, '--collection', 'notes', '--no-embed')).err, 'new collection')
    assert.match((await cli('index', 'https://x/a', '--collection', 'notes')).err, 'INVALID_ARGUMENT')
    assert.match(
      (await cli('index', directory, '--collection', 'other', '--no-embed', '--encoder', 'x')).err,
      'USAGE',
    )
    assert.equal(services.collections.runs(), [])
  }))

test('a run that fails is a failure, with what was done', () =>
  withApi(async (cli, { services, directory }) => {
    const running = cli('index', directory, '--collection', 'notes')
    await started(services, 1)
    services.collections.change('run-0', {
      ...{ state: 'failed', finishedAtMs: 1_800_000_003_000, report: REPORT },
      error: { code: 'SESSION_FAILED', message: 'The model could not be run' },
    })
    const { code, err } = await running
    assert.is(code, 1)
    assert.match(err, 'error SESSION_FAILED: Indexing failed: The model could not be run')
    assert.match(err, '1,204 added')
  }))

test('Ctrl-C leaves the run to the daemon and says so', () =>
  withApi(async (_cli, { ask, services, directory }) => {
    const interrupt = new AbortController()
    const running = villageWith(
      { signal: interrupt.signal },
      directory,
      'index',
      directory,
      '--collection',
      'notes',
    )
    await started(services, 1)
    while (!/village_event_followers 1/.test((await ask('/metrics')).bytes.toString()));
    interrupt.abort()
    const { code, err } = await running
    assert.is(code, 130)
    assert.match(err, 'error ABORTED: Only the waiting has ended')
    assert.match(err, 'village index --cancel run-0')
    assert.is(services.collections.needRun('run-0').state, 'running')
  }))

test('list, show, set and rm', () =>
  withApi(async (cli, { services, directory }) => {
    assert.match((await cli('collection')).out, 'No collections.')
    const { id } = await services.collections.create({ name: 'notes' })
    const file = path.join(directory, 'a.md')
    await writeFile(file, 'words \u001b[31m red')
    const content = (async function* () {
      yield await readFile(file)
    })()
    await services.collections.upload('notes', { source: 'a.md', content }, new AbortController().signal)
    await services.collections.index('notes', { paths: ['/tmp/a'], watch: true })
    assert.match(
      (await cli('collection', 'show', 'notes')).out,
      /indexed +a\/ is \/tmp\/a\nwatched +\/tmp\/a/,
    )
    assert.match((await cli('collection', 'show', 'notes', '--documents')).out, 'a.md')
    const shown = await cli('collection', 'show', 'notes', 'a.md')
    assert.match(shown.out, 'words \\u{1b}[31m red')
    assert.match(shown.out, /year +1990/)
    assert.match((await cli('collection', 'show', 'notse')).err, 'COLLECTION_UNKNOWN')

    assert.is((await cli('collection', 'set', 'notes')).code, 2)
    const set = await cli(
      'collection',
      'set',
      'notes',
      '--access',
      'public',
      '--no-keep',
      '--weight',
      '0.3',
      '--json',
    )
    assert.equal([set.json.access, set.json.keepsCopy, set.json.weight], ['public', false, 0.3])
    assert.is((await cli('collection', 'set', 'notes', '--access', 'everybody')).code, 2)
    assert.match((await cli('collection', 'set', 'notes', '--unwatch', '/tmp/a')).out, /watched +nothing/)

    // Nobody is there to be asked.
    const asked = await cli('collection', 'rm', 'notes')
    assert.is(asked.code, 2)
    assert.match(
      asked.err,
      'CONFIRMATION_NEEDED: Remove the collection notes (1 document), here and from the members that hold copies? Say --yes to do it',
    )
    const removed = await cli('collection', 'rm', 'notes', '--document', 'a.md', '--yes')
    assert.match(removed.out, '1 document removed')
    assert.match(removed.err, '`village index` of their folder does')
    assert.is((await cli('collection', 'rm', id, '--yes')).code, 0)
    assert.equal(await services.collections.list(), [])
  }))

test('access in no village is remarked on, and nothing is said to be elsewhere that is private', () =>
  withApi(async (cli) => {
    const remark = 'This node is in no village yet'
    await cli('index', '/tmp', '--collection', 'notes', '--background')
    assert.not.match((await cli('collection', 'set', 'notes', '--access', 'private')).err, remark)
    assert.match((await cli('collection', 'set', 'notes', '--access', 'village')).err, remark)
    assert.match(
      (await cli('index', '/tmp', '--collection', 'other', '--background', '--access', 'public')).err,
      remark,
    )
    await cli('create', 'Elm Street')
    assert.not.match((await cli('collection', 'set', 'notes', '--access', 'village')).err, remark)
    await cli('collection', 'set', 'notes', '--access', 'private')
    assert.match(
      (await cli('collection', 'rm', 'notes')).err,
      'Remove the collection notes (0 documents)? Say',
    )
  }))

test('a collection that cannot be read is told of, and can be removed', () =>
  withApi(async (cli, { services }) => {
    const { damaged } = services.collections
    damaged.set('bad', {
      ...{ id: 'bad', name: null },
      problem: { code: 'COLLECTION_CORRUPT', message: 'A field is missing' },
    })
    assert.match((await cli('collection', 'list')).out, 'bad cannot be read: COLLECTION_CORRUPT')
    assert.match((await cli('status')).out, '1 cannot be read')
    const doctor = await cli('doctor', '--json')
    const check = doctor.json.checks.find(({ name }: { name: string }) => name === 'collections')
    assert.equal([check.level, check.message], ['fail', 'cannot be read: bad (COLLECTION_CORRUPT)'])
    assert.match((await cli('collection', 'show', 'bad')).err, 'village collection rm')
    assert.is((await cli('collection', 'rm', 'bad', '--yes')).code, 0)
    assert.equal([...damaged.keys()], [])
  }))

test('a collection of another member is not called unknown', () =>
  withApi(async (cli, { services }) => {
    services.known.push({
      ...{ id: 'f'.repeat(32), name: 'recipes', label: 'recipes@12D3KooWOther', owner: '12D3KooWOther' },
      ...{
        isOwn: false,
        access: 'village',
        encoder: null,
        languages: [],
        weight: 0.5,
        documents: 1,
        chunks: 1,
      },
      ...{ sizeBytes: 1, segments: 1, replicas: 2, holdersPresent: 1, missingSegments: 0, localSegments: 0 },
      ...{ updatedAtMs: 1, problem: null },
    })
    const words = '"recipes@12D3KooWOther" belongs to another member'
    assert.match((await cli('collection', 'list')).out, 'recipes@12D3KooWOther')
    for (const line of [
      ['show', 'recipes'],
      ['show', 'recipes', 'a.md'],
      ['export', 'recipes@12D3KooWOther'],
    ])
      assert.match((await cli('collection', ...line)).err, words)
    assert.match((await cli('collection', 'show', 'recipe')).err, 'There is no such collection')
  }))

test('a collection that the village does not learn of is said to be so', () =>
  withApi(async (cli, { services }) => {
    services.known.push({
      ...{ id: 'e'.repeat(32), name: 'notes', label: 'notes', owner: 'me', isOwn: true, access: 'village' },
      ...{ encoder: null, languages: [], weight: 0.5, documents: 1, chunks: 1, sizeBytes: 1, segments: 1 },
      ...{ replicas: 2, holdersPresent: 1, missingSegments: 0, localSegments: 1, updatedAtMs: 1 },
      problem: { code: 'COLLECTION_LIMIT', message: 'Too many are shared' },
    })
    const { out } = await cli('collection', 'list')
    assert.match(out, 'notes is not shared as it is now: COLLECTION_LIMIT Too many are shared')
  }))

test('export and import', () =>
  withApi(async (cli, { services, directory }) => {
    await services.collections.create({ name: 'notes' })
    const file = path.join(directory, 'out.tar')
    assert.is((await cli('collection', 'export', 'notes', '-o', file)).code, 0)
    assert.is((await readFile(file)).toString(), 'notes')
    assert.match((await cli('collection', 'export', 'notes', '-o', file)).err, 'FILE_UNWRITABLE')
    assert.is((await cli('collection', 'export', 'notes', '-o', file, '--force')).code, 0)
    assert.match((await cli('collection', 'import', file)).err, 'COLLECTION_EXISTS')
    assert.match((await cli('collection', 'import', file, '--as', 'copy')).out, 'copy: 0 documents')
    assert.match((await cli('collection', 'import', path.join(directory, 'none'))).err, 'FILE_UNREADABLE')
  }))

test.run()
