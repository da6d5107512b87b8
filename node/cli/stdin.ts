import { VillageError } from '../errors.ts'

const MAX_TEXT_BYTES = 64 * 1024

/** All of standard input as text, for arguments that are long or should not appear in a process list. */
export async function readStdin(maxBytes = MAX_TEXT_BYTES): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > maxBytes) throw new VillageError('USAGE', 'Standard input is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
