/** What the stages of a job leave for one another and is too large for its record: JSON artifacts, let go with the job. */
import { VillageError } from '../../errors.ts'
import type { JsonValue } from '../../json.ts'
import type { FinishedStage, JobContext } from './job.ts'

/** Returns the CID. */
export async function writeJobFile(
  context: Pick<JobContext, 'artifacts' | 'stagePin'>,
  value: unknown,
): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(value))
  const { cid } = await context.artifacts.addBytes(bytes, { pin: context.stagePin, private: true })
  return cid
}

/** What writeJobFile() was given, of the CID that a stage has as a fact. Throws DATA_CORRUPT. */
export async function readJobFile<T>(
  context: Pick<JobContext, 'artifacts'>,
  stage: Pick<FinishedStage, 'name' | 'facts'> | undefined,
  fact: string,
): Promise<T> {
  const cid: JsonValue | undefined = stage?.facts[fact]
  if (typeof cid !== 'string')
    throw new VillageError('DATA_CORRUPT', `A stored stage has no "${fact}"`, {
      fields: { stage: stage?.name ?? null },
    })
  return JSON.parse(Buffer.from(await context.artifacts.read(cid)).toString('utf8')) as T
}
