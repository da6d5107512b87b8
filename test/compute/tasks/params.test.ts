/** What tasks refuse before anything is read. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readParams } from '../../../node/compute/tasks/read-params.ts'
import { TASK_KINDS } from '../../../node/compute/tasks/table.ts'
import type { TaskKind } from '../../../node/compute/tasks/task.ts'
import { taskParams } from '../../helpers/task-params.ts'
import { throwsCode } from '../../helpers/throws.ts'

const kindOf = (name: string): TaskKind => TASK_KINDS.find(({ kind }) => kind === name)!

for (const [kind, field, value] of [
  ['compress', 'rows', 0],
  ['compress', 'rows', 2 ** 40],
  ['compress', 'startRow', -1],
  ['compress', 'codec', 'zip'],
  ['compress', 'tensor', ''],
  ['compress', 'params', { blockSize: 7 }],
  ['compress', 'model', 7],
  ['compress', 'script', 'rm'],
  ['evaluate', 'suite', 'none'],
  ['evaluate', 'count', 1e9],
  ['evaluate', 'start', -1],
  ['evaluate', 'model', null],
  ['calibrate', 'count', 0],
  ['calibrate', 'data', 7],
  ['calibrate', 'activations', 0],
  ['calibrate', 'outputBytes', 2 ** 40],
  ['calibrate', 'script', 'rm'],
  ['compress', 'calibration', 7],
  ['codebook', 'tensors', []],
  ['codebook', 'tensors', [{ name: 'embeddings', cols: 256, rows: 2 ** 20, startRows: [0] }]],
  ['codebook', 'tensors', [{ name: 'embeddings', cols: 256, rows: 8, startRows: [] }]],
  ['codebook', 'tensors', [{ name: 'embeddings', cols: 256, rows: 8, startRows: [0], path: '/' }]],
  ['codebook', 'params', { bits: 9 }],
  ['codebook', 'seed', -1],
  ['compress', 'codebook', ''],
  ['probe', 'candidates', []],
  ['probe', 'candidates', [{ codec: 'zip' }]],
  ['probe', 'candidates', [7]],
  ['probe', 'reference', null],
  ['probe', 'rows', 0],
  ['probe', 'sensitivity', 'yes'],
  ['probe', 'script', 'rm'],
] as const)
  test(`${kind} refuses ${field} ${JSON.stringify(value)}`, () => {
    throwsCode(
      () => kindOf(kind).parseParams({ ...taskParams('model')[kind]!, [field]: value }),
      'INVALID_ARGUMENT',
    )
  })

test('parameters that are no object are refused', () => {
  for (const input of [null, [], 'x', 7]) throwsCode(() => readParams(input), 'INVALID_ARGUMENT')
  throwsCode(() => readParams({ a: ['x', ''] }).texts('a', 3, 3), 'INVALID_ARGUMENT')
  throwsCode(() => readParams({ a: 1 }).flag('a'), 'INVALID_ARGUMENT')
  assert.is(readParams({}).optionalText('a', 3), null)
  assert.is(readParams({ constructor: 1 }).integer('toString', 0, 9, 5), 5)
})

test.run()
