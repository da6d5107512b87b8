/** A check of `village doctor`: whether the files of models are what they were when they came. */
import type { Check } from '../../doctor.ts'
import { toVillageError } from '../../errors.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Models } from './registry.ts'

const MIB = 2 ** 20
/** A person waits for the doctor: what is beyond is checked whenever it is read. */
const BUDGET_MS = 5_000

/** Reads the blocks of models, smallest first; each proves its hash as it is read. */
export async function checkModels(
  {
    models,
    artifacts,
  }: { readonly models: Pick<Models, 'list'>; readonly artifacts: Pick<Artifacts, 'exportCar'> },
  signal: AbortSignal = AbortSignal.timeout(BUDGET_MS),
): Promise<Omit<Check, 'name'>> {
  const all = (await models.list()).toSorted((a, b) => a.sizeBytes - b.sizeBytes)
  const bad: string[] = []
  let checked = 0
  let checkedBytes = 0
  for (const { id, cid } of all) {
    if (signal.aborted) break
    try {
      for await (const bytes of artifacts.exportCar([cid], { signal })) checkedBytes += bytes.byteLength
      checked += 1
    } catch (error) {
      if (signal.aborted) break
      bad.push(`${id} (${toVillageError(error).code})`)
    }
  }
  const left = all.length - checked - bad.length
  if (bad.length > 0)
    return {
      level: 'fail',
      message: `damaged or not whole: ${bad.join(', ')}`,
      fix: 'Pull or add the model again (`village model rm ID`, then `village pull` or `village model add`).',
    }
  const said = `${checked} whole, ${Math.round(checkedBytes / MIB)} MiB read and compared with their hashes`
  return { level: 'ok', message: left === 0 ? said : `${said}; ${left} more would take longer`, fix: null }
}
