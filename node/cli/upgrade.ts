/** `village upgrade`: the format of the data of a node that does not run, and the way back. */
import { rm } from 'node:fs/promises'
import { dataDirectoryOf } from '../config-sources.ts'
import { keptVersions, readSnapshot, sizeOf, snapshotFolder } from '../data-snapshot.ts'
import { rollBack, storedVersion, upgradeData } from '../data-upgrade.ts'
import { DATA_VERSION, MIGRATIONS } from '../migrations.ts'
import { openRaw } from '../store.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { confirm } from './confirm.ts'
import { bytes, facts, time } from './format.ts'

export async function upgrade(context: CommandContext): Promise<CommandResult> {
  const opened = await openRaw(await dataDirectoryOf(context.sources))
  const { db, directory } = opened
  try {
    if (context.options.rollBack === true) return await goBack(context, opened)
    const before = await storedVersion(db)
    await upgradeData(db, { directory })
    const kept = await keptVersions(directory)
    if (context.options.discard === true)
      for (const version of kept) await rm(snapshotFolder(directory, version), { recursive: true })
    const left = context.options.discard === true ? [] : kept
    const sizes = await Promise.all(left.map((version) => sizeOf(snapshotFolder(directory, version))))
    const done = before !== null && before < DATA_VERSION
    return {
      document: { directory, from: before, version: DATA_VERSION, kept: left },
      text: facts([
        ['data', directory],
        ['version', done ? `${DATA_VERSION}, was ${before}: ${titles(before)}` : String(DATA_VERSION)],
        [
          'way back',
          left.length === 0
            ? 'none is kept'
            : left
                .map((version, index) => `version ${version} (${bytes(sizes[index] ?? 0)}): --roll-back`)
                .join(', '),
        ],
      ]),
    }
  } finally {
    await db.close()
    opened.free()
  }
}

const titles = (from: number): string =>
  Array.from({ length: DATA_VERSION - from }, (_, step) => MIGRATIONS[from + step]?.title ?? '').join('; ')

async function goBack(
  context: CommandContext,
  { db, directory }: Awaited<ReturnType<typeof openRaw>>,
): Promise<CommandResult> {
  const found = (await storedVersion(db)) ?? DATA_VERSION
  const last = (await keptVersions(directory)).findLast((version) => version < found)
  const snapshot = last === undefined ? null : await readSnapshot(directory, last)
  if (snapshot !== null)
    await confirm(
      context,
      `Bring ${directory} back to what it was on ${time(snapshot.createdAtMs)}? What its records say since then is put aside.`,
    )
  const version = await rollBack(db, { directory })
  return {
    document: { directory, from: found, version },
    text: facts([
      ['data', directory],
      ['version', `${version}, was ${found}`],
      ['next', `start the program that has this version of the data; this one would upgrade it again`],
    ]),
  }
}
