/** Upgrades, rolls back or restores a data directory, and is killed before the step of the given number: `MODE DIRECTORY STEP [FILE]`. */
import { openBackup } from '../../node/backup-file.ts'
import { rollBack, upgradeData } from '../../node/data-upgrade.ts'
import { restoreBackup } from '../../node/restore.ts'
import { openRaw } from '../../node/store.ts'

const [, , mode = '', directory = '', step = '', file = ''] = process.argv
let steps = 0
function onStep(): void {
  if (steps === Number(step)) process.kill(process.pid, 'SIGKILL')
  steps += 1
}

if (mode === 'restore')
  await restoreBackup(
    openBackup(file),
    { directory, passphrase: null, supported: 2, replace: true, now: () => 0, onStep },
    new AbortController().signal,
  )
else {
  const { db } = await openRaw(directory)
  if (mode === 'upgrade') await upgradeData(db, { directory, onStep })
  else await rollBack(db, { directory, onStep })
}
process.stdout.write(`${steps}`)
