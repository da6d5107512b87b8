/** The data directory that the program of data version 1 wrote (test/vectors/data-v1), and what is in one. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Level } from 'level'
import { extract } from 'tar'

const ARCHIVE = path.resolve(import.meta.dirname, '../vectors/data-v1/data.tar.gz')

export async function unpackDataV1(directory: string): Promise<void> {
  await extract({ file: ARCHIVE, cwd: directory })
}

/** Every file with its content, but for the store's own and what `without` names. */
export function filesOf(
  directory: string,
  without: readonly string[] = ['state', 'upgrade'],
): Map<string, string> {
  const files = new Map<string, string>()
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.parentPath, entry.name)
    const name = path.relative(directory, file)
    if (entry.isFile() && !without.includes(name.split(path.sep)[0]!))
      files.set(name, readFileSync(file).toString('latin1'))
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Every record of a store that nobody has open. */
export async function recordsOf(directory: string): Promise<Map<string, string>> {
  const db = new Level<string, string>(path.join(directory, 'state'), { createIfMissing: false })
  await db.open()
  try {
    return new Map(await db.iterator().all())
  } finally {
    await db.close()
  }
}
