/** Importing models in worker threads: rows of the pool's table. */
import { type ImportedModel, type ImportRequest, importModel } from './import-model.ts'

export const IMPORT_OPERATIONS = {
  async 'model.import'(input: ImportRequest): Promise<ImportedModel> {
    return importModel(input)
  },
}
