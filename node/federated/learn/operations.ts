import { trainClient } from './client-operation.ts'
import { readConfig } from './read-config-operation.ts'
import {
  aggregateFiles,
  measureGlobal,
  roundVectors,
  startGlobal,
  storeUpdate,
  writeResult,
} from './server-operations.ts'
import { runSimulation } from './simulate-operation.ts'

/** Rows of the operations table. Those that train hold their thread until they are done. */
export const LEARN_OPERATIONS = {
  'federate.read': readConfig,
  'federate.train': trainClient,
  'federate.start': startGlobal,
  'federate.vectors': roundVectors,
  'federate.store': storeUpdate,
  'federate.aggregate': aggregateFiles,
  'federate.measure': measureGlobal,
  'federate.write': writeResult,
  'federate.simulate': runSimulation,
}
