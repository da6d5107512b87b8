/** `village backup`, `village backup verify` and `village restore`. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { writeBackup } from '../backup.ts'
import { type BackupSummary, openBackup, verifyBackup, writeBackupFile } from '../backup-file.ts'
import { passphraseOf } from '../backup-seal.ts'
import type { ConfigKey } from '../config.ts'
import { readConfigFile } from '../config-file.ts'
import { CONFIG_FILE, dataDirectoryOf } from '../config-sources.ts'
import { storedVersion } from '../data-upgrade.ts'
import { VillageError } from '../errors.ts'
import { loadIdentity } from '../identity.ts'
import { createLog } from '../log.ts'
import { DATA_VERSION } from '../migrations.ts'
import { restoreBackup } from '../restore.ts'
import { openRaw } from '../store.ts'
import { VERSION } from '../version.ts'
import { type CommandContext, type CommandResult, optionText } from './command.ts'
import { confirm } from './confirm.ts'
import { bytes, facts, time } from './format.ts'

async function passphraseFor(context: CommandContext): Promise<string | null> {
  const file = optionText(context, 'passphraseFile')
  if (file === null) return null
  try {
    return passphraseOf(await readFile(file, 'utf8'))
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
  }
}

function withArtifacts(context: CommandContext): boolean {
  const include = optionText(context, 'include') ?? 'artifacts'
  if (include === 'artifacts' || include === 'none') return include === 'artifacts'
  throw new VillageError('USAGE', '--include is artifacts or none')
}

/** Of a node that does not run; nobody else can open it meanwhile. */
async function* backupOfStopped(directory: string, artifacts: boolean, signal: AbortSignal) {
  const opened = await openRaw(directory)
  try {
    const version = await storedVersion(opened.db)
    if (version === null)
      throw new VillageError('BACKUP_FAILED', `There is no node in ${directory}: nothing to back up`)
    const { peerId } = await loadIdentity({ log: createLog({ level: 'silent' }) }, opened)
    yield* writeBackup(
      { db: opened.db },
      {
        ...{ directory: opened.directory, program: VERSION, peer: peerId },
        ...{ dataVersion: version, withArtifacts: artifacts },
      },
      signal,
    )
  } finally {
    await opened.db.close()
    opened.free()
  }
}

async function* archiveOf(context: CommandContext, artifacts: boolean): AsyncGenerator<Uint8Array> {
  try {
    const client = await context.client()
    yield* await client.download(`/api/v1/backup?artifacts=${artifacts}`)
  } catch (error) {
    if (!(error instanceof VillageError) || error.code !== 'DAEMON_NOT_RUNNING') throw error
    yield* backupOfStopped(await dataDirectoryOf(context.sources), artifacts, context.signal)
  }
}

function shownBackup({
  header,
  records,
  files,
  sizeBytes,
}: Omit<BackupSummary, 'leftOut'>): [string, string][] {
  return [
    ['node', header.peer],
    ['taken', time(header.createdAtMs)],
    ['version', `${header.program}, data ${header.dataVersion}`],
    ['holds', `${records} records and ${files} files, ${bytes(sizeBytes)}`],
    ['artifacts', header.artifacts ? 'included' : 'left out: they are fetched or pulled again'],
  ]
}

export async function create(context: CommandContext): Promise<CommandResult> {
  const given = context.args[0] ?? ''
  // `village backup list` would write all keys into a file `list`.
  if (!/[./\\]/.test(given))
    throw new VillageError(
      'USAGE',
      `backup has create and verify; a file is given with a dot or a slash in its name, such as ${given}.backup or ./${given}`,
    )
  const file = path.resolve(given)
  const passphrase = await passphraseFor(context)
  const summary = await writeBackupFile(
    archiveOf(context, withArtifacts(context)),
    { file, passphrase, replace: context.options.force === true, supported: DATA_VERSION },
    context.signal,
  )
  return {
    document: { file, encrypted: passphrase !== null, ...summary },
    text: facts([
      ['backup', file],
      ...shownBackup(summary),
      ...(summary.leftOut.length === 0
        ? []
        : [
            ['left out', `${summary.leftOut.join(', ')}: no archive can have such names`] as [string, string],
          ]),
      [
        'secret',
        passphrase === null
          ? 'it holds the keys of this node, in the clear: whoever has the file can be this node'
          : 'encrypted: without the passphrase nobody can read it, you neither',
      ],
    ]),
  }
}

export async function verify(context: CommandContext): Promise<CommandResult> {
  const file = path.resolve(context.args[0] ?? '')
  const summary = await verifyBackup(file, {
    passphrase: await passphraseFor(context),
    supported: DATA_VERSION,
  })
  return {
    document: { file, ...summary },
    text: facts([['backup', `${file} is whole: every file has its hash`], ...shownBackup(summary)]),
  }
}

/** What a start would do for whoever made the backup. */
const RISKY_KEYS: readonly ConfigKey[] = [
  ...(['agents.mcpServers', 'agents.endpoints', 'agents.folders'] as const),
  ...(['api.host', 'log.file'] as const),
]

export async function restore(context: CommandContext): Promise<CommandResult> {
  const file = path.resolve(context.args[0] ?? '')
  const directory = await dataDirectoryOf(context.sources)
  const replace = context.options.replace === true
  const passphrase = await passphraseFor(context)
  if (replace) await confirm(context, `Put the backup in the place of what is in ${directory}?`)
  const restored = await restoreBackup(
    openBackup(file),
    { directory, passphrase, replace, supported: DATA_VERSION },
    context.signal,
  ).catch((error: unknown) => {
    if (
      (error as NodeJS.ErrnoException).code === 'ENOENT' ||
      (error as NodeJS.ErrnoException).code === 'EACCES'
    )
      throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
    throw error
  })
  const { kept } = restored
  const settings = (await readConfigFile(path.join(directory, CONFIG_FILE)).catch(() => null)) ?? {}
  const risky = RISKY_KEYS.filter((key) => key in settings)
  return {
    document: { directory, ...restored },
    text: facts([
      ['restored', directory],
      ...shownBackup(restored),
      ...(kept === null ? [] : [['before', `what was there lies in ${kept}`] as [string, string]]),
      [
        'one of it',
        'this is the same node, not a copy: never run it beside the one that the backup was taken of. Where that one is lost or stolen, revoke it and join anew (docs/backup.md)',
      ],
      ...(risky.length === 0
        ? []
        : [
            [
              'look at',
              `its configuration sets ${risky.join(', ')}, which start programs, read folders or let others in: check them before the start, unless the backup is yours`,
            ] as [string, string],
          ]),
      ['erased', 'what was erased after the backup was taken is here again: erase it once more'],
    ]),
  }
}
