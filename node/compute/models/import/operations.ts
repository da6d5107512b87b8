/** Importing models and rendering chats in worker threads: rows of the pool's table. */
import { statSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import { type ChatRequest, type ChatTemplate, loadChatTemplate } from '../chat-template.ts'
import { CHAT_TEMPLATE_FILE, TOKENIZER_CONFIG_FILE } from '../model-files.ts'
import { type ImportedModel, type ImportRequest, importModel } from './import-model.ts'

const MAX_TEMPLATES = 8

// One cache a worker: this module is loaded once in each.
const templates = new Map<string, { stamp: string; template: ChatTemplate | null }>()

function templateOf(modelDir: string): ChatTemplate | null {
  const stamp = [CHAT_TEMPLATE_FILE, TOKENIZER_CONFIG_FILE]
    .map((name) => statSync(path.join(modelDir, name), { throwIfNoEntry: false }))
    .map((stats) => (stats === undefined ? '-' : `${stats.size}:${stats.mtimeMs}:${stats.ino}`))
    .join()
  const known = templates.get(modelDir)
  templates.delete(modelDir)
  const entry = known?.stamp === stamp ? known : { stamp, template: loadChatTemplate(modelDir) }
  templates.set(modelDir, entry)
  if (templates.size > MAX_TEMPLATES) templates.delete(templates.keys().next().value!)
  return entry.template
}

export const IMPORT_OPERATIONS = {
  async 'model.import'(input: ImportRequest): Promise<ImportedModel> {
    return importModel(input)
  },

  /** The prompt of a conversation. Throws MODEL_NO_CHAT_TEMPLATE and CHAT_TEMPLATE_FAILED. */
  async 'chat.render'(input: { modelDir: string; request: ChatRequest }): Promise<string> {
    const template = templateOf(input.modelDir)
    if (template === null) throw new VillageError('MODEL_NO_CHAT_TEMPLATE')
    return template.render(input.request)
  },
}
