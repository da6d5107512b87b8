/** A disk that is full, or read-only, ends in a clear code, and the index is what it was. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('full-disk')
const CHILD = fileURLToPath(new URL('../../../helpers/index-full-disk.ts', import.meta.url))
const MOUNT = 'mount -t tmpfs -o size=2m tmpfs "$1"'

test('a full disk and a read-only one change nothing that was committed', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-full-'))
  const inNamespace = (script: string, ...more: string[]) =>
    spawnSync('unshare', ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', directory, ...more], {
      encoding: 'utf8',
    })
  try {
    if (inNamespace(MOUNT).status !== 0) {
      console.log('skipped: a full disk (no mount namespaces here)')
      return
    }
    const { stdout, stderr, status } = inNamespace(`${MOUNT} && exec "$2" "$3" "$1"`, process.execPath, CHILD)
    assert.is(status, 0, stderr)
    assert.equal(JSON.parse(stdout), {
      whileAdding: 'DISK_FULL',
      whileCommitting: 'DISK_FULL',
      seenFull: 1,
      afterClose: 1,
      whenFree: 'done',
      whenReadOnly: ['DATA_DIR_READ_ONLY', 'DATA_DIR_READ_ONLY'],
      seenReadOnly: 2,
      onceMore: 'done',
      last: 1,
      problems: [],
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.run()
