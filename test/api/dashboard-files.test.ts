import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createDashboardFiles, type StaticFile } from '../../node/api/dashboard-files.ts'

const test = suite('files of the dashboard')

const PAGE: StaticFile = { mediaType: 'text/html; charset=utf-8', etag: '"page"', bytes: Buffer.from('page') }

test('a read that fails is tried again when the next file is asked for, one that works is kept', async () => {
  let reads = 0
  const files = createDashboardFiles(async () => {
    reads++
    if (reads === 1) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    return new Map([['/', PAGE]])
  })
  const failed = await Promise.allSettled([files.find('/'), files.find('/dashboard/app.css')])
  assert.equal(
    failed.map((one) => one.status === 'rejected' && one.reason.code),
    ['EMFILE', 'EMFILE'],
  )
  assert.is(reads, 1, 'those who ask at the same time share a read')
  assert.is(await files.find('/'), PAGE)
  assert.is(await files.find('/dashboard/none.js'), undefined)
  assert.is(reads, 2)
})

test('the page names only what is served', async () => {
  const files = createDashboardFiles()
  const page = (await files.find('/'))!.bytes.toString('utf8')
  const named = [...page.matchAll(/(?:src|href)="(\/dashboard\/[^"]+)"/g)].map(([, url]) => url!)
  assert.ok(named.length >= 2)
  for (const url of named) assert.ok(await files.find(url), url)
})

test.run()
