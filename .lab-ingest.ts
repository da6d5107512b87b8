import { createIngest } from './node/agents/rag/ingest/ingest.ts'
import { createLog } from './node/log.ts'
const log = createLog({ level: 'debug' })
const ingest = createIngest({ log }, { parsers: 1 })
const signal = new AbortController().signal
let t = performance.now(), n=0, docs=0, chunks=0, bytes=0, warnings=0
const langs: Record<string, number> = {}
const problems: unknown[] = []
async function* files() { for await (const e of ingest.walk(process.argv[2]!, { signal, hidden: false })) { if (e.kind==='file') {n++; bytes+=e.file.sizeBytes; yield e.file} else if (e.kind==='problem') problems.push(e.problem); else console.log(JSON.stringify(e)) } }
for await (const e of ingest.parse(files(), { signal })) {
  if (e.kind==='document') { docs++; chunks+=e.document.chunks.length; warnings+=e.document.warnings.length; langs[String(e.document.language)]=(langs[String(e.document.language)]??0)+1
    if (process.argv[3]==='show') console.log(JSON.stringify({...e.document, signature: null}, null, 1).slice(0, 6000)) }
  else if (e.kind==='problem') problems.push(e.problem)
}
const s=(performance.now()-t)/1000
console.log({files:n, docs, chunks, s, filesPerS: n/s, mbPerS: bytes/s/1e6, warnings, langs, rssMB: process.memoryUsage.rss()/1e6})
console.log(problems.slice(0,20), problems.length)
await ingest.stop()
