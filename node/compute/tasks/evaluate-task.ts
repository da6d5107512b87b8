/**
 * Task kind `evaluate`: a range of items, answered by one model. Built-in suites for encoders are known by their names and
 * answered with vectors; items of all others come as an artifact and are answered by type.
 */
import { isJsonObject, type JsonObject } from '../../json.ts'
import { evaluateItems } from './evaluate-items.ts'
import { evaluateVectors } from './evaluate-vectors.ts'
import type { TaskKind } from './task.ts'

const formOf = (params: JsonObject): Omit<TaskKind, 'kind' | 'check'> =>
  Object.hasOwn(params, 'items') ? evaluateItems : evaluateVectors

export const evaluateTask: TaskKind = {
  kind: 'evaluate',
  check: 'replicate',
  parseParams: (input) => formOf(isJsonObject(input) ? input : {}).parseParams(input),
  inputs: (params) => formOf(params).inputs(params),
  estimate: (params, inputBytes) => formOf(params).estimate(params, inputBytes),
  run: (params, context) => formOf(params).run(params, context),
  inspect: (params, output, context) => formOf(params).inspect(params, output, context),
  verify: (params, output, context, depth, random) =>
    formOf(params).verify(params, output, context, depth, random),
  // Both answer one task: outputs of different forms are never given to it.
  agree: (a, b) => ('dims' in a.stats ? evaluateVectors : evaluateItems).agree(a, b),
}
