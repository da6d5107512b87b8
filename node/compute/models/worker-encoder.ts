/** The sessions of a worker and the encoder that runs on them: this module is loaded once in each worker. */
import { createSessions } from '../onnx/sessions.ts'
import { createSentenceEncoder } from './sentence-encoder.ts'

export const workerSessions = createSessions()
export const workerEncoder = createSentenceEncoder({ sessions: workerSessions })
