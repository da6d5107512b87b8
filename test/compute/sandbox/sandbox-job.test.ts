import { test } from 'uvu'
import { checkSandboxJob, type SandboxJob } from '../../../node/compute/sandbox/sandbox-job.ts'
import { throwsCode } from '../../helpers/throws.ts'

const MIB = 2 ** 20
const JOB: SandboxJob = {
  files: { 'program.py': 'print(1)' },
  command: ['python3', 'program.py'],
  limits: {
    wallMs: 1000,
    cpuSeconds: 1,
    memoryBytes: 64 * MIB,
    processes: 4,
    fileBytes: MIB,
    outputBytes: 100,
  },
}
const { limits } = JOB

test('a job that can be run is accepted', () => {
  checkSandboxJob(JOB)
  checkSandboxJob({ ...JOB, files: {}, stdin: 'x'.repeat(2 * MIB) })
})

test('a job that cannot be run is refused', () => {
  const bad: Partial<SandboxJob>[] = [
    { files: { '../x': '' } },
    { files: { 'a/b': '' } },
    { files: { '.hidden': '' } },
    { files: { a: 'x'.repeat(limits.fileBytes + 1) } },
    { files: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`f${index}`, ''])) },
    { command: [] },
    { command: ['a\0b'] },
    { limits: { ...limits, wallMs: 0 } },
    { limits: { ...limits, memoryBytes: Number.NaN } },
    { limits: { ...limits, processes: 1.5 } },
  ]
  for (const over of bad) throwsCode(() => checkSandboxJob({ ...JOB, ...over }), 'INVALID_ARGUMENT')
})

test.run()
