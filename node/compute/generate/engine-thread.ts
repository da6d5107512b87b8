/** The entry of a model's thread: loads the model, then answers requests, many at a time, until it is told to close. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { VillageError } from '../../errors.ts'
import { type ChatTemplate, loadChatTemplate } from '../models/chat-template.ts'
import { toWireError } from '../worker-messages.ts'
import type { Completion, EngineInit, FromEngine, Prompt, ToEngine } from './engine-messages.ts'
import type { LanguageModel } from './language-model.ts'
import { openLanguageModel } from './open-language-model.ts'

const port = parentPort
if (port === null) throw new VillageError('INTERNAL', 'The engine must be started as a thread.')
const init = workerData as EngineInit
// The event loop of the daemon goes first, as before the threads of the pool.
if (process.platform === 'linux' && init.niceness > 0) setPriority(init.niceness)

const running = new Map<number, AbortController>()
const send = (message: FromEngine) => port.postMessage(message)
let template: ChatTemplate | null | undefined

function renderChat(prompt: Extract<Prompt, { kind: 'messages' }>): string {
  template ??= loadChatTemplate(init.modelDir)
  if (template === null) throw new VillageError('MODEL_NO_CHAT_TEMPLATE')
  const { messages, tools } = prompt
  return template.render({ messages, ...(tools !== undefined && { tools }), addGenerationPrompt: true })
}

function tokensOf(model: LanguageModel, prompt: Prompt): readonly number[] {
  const { tokenizer, card } = model
  if (prompt.kind === 'tokens') return prompt.tokens
  // A template writes the special tokens itself.
  if (prompt.kind === 'messages') return tokenizer.encode(renderChat(prompt))
  const tokens = tokenizer.encode(prompt.text, { specialTokens: true })
  return tokens.length === 0 && card.bosToken !== null ? [card.bosToken] : tokens
}

/** Texts of all tokens that the log-probabilities name. */
function textsOf(
  model: LanguageModel,
  completion: Pick<Completion, 'logProbabilities'>,
): Record<number, string> {
  const texts: Record<number, string> = {}
  for (const { token, top } of completion.logProbabilities ?? [])
    for (const one of [token, ...top.map((row) => row.token)]) texts[one] ??= model.tokenizer.decode([one])
  return texts
}

async function generate(
  model: LanguageModel,
  message: Extract<ToEngine, { type: 'generate' }>,
): Promise<void> {
  const { id, request, stream } = message
  const abort = new AbortController()
  running.set(id, abort)
  try {
    const { prompt, ...rest } = request
    const tokens = tokensOf(model, prompt)
    const onToken = stream
      ? (_: number, event: Parameters<NonNullable<Parameters<LanguageModel['generate']>[2]>>[1]) =>
          send({ type: 'token', id, event })
      : undefined
    const [generation] = await model.generate([{ ...rest, tokens }], abort.signal, onToken)
    const completion = {
      ...generation!,
      promptTokens: tokens.length,
      tokenTexts: textsOf(model, generation!),
    }
    send({ type: 'done', id, completion, residentBytes: model.residentBytes() })
  } catch (error) {
    send({ type: 'failed', id, error: toWireError(error), residentBytes: model.residentBytes() })
  } finally {
    running.delete(id)
  }
}

async function serve(model: LanguageModel): Promise<void> {
  port!.on('message', (message: ToEngine) => {
    if (message.type === 'generate') void generate(model, message)
    else if (message.type === 'abort') running.get(message.id)?.abort(new VillageError('ABORTED'))
    else {
      port!.close()
      // Nothing runs any more: whoever says close has waited for it.
      void model.close()
    }
  })
  send({ type: 'ready', residentBytes: model.residentBytes() })
}

openLanguageModel(init.modelDir, init).then(serve, (error: unknown) => {
  send({ type: 'broken', error: toWireError(error) })
  port.close()
})
