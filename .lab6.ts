import { createFileParser } from './node/agents/rag/ingest/parser/parse-file.ts'
import { DEFAULT_CHUNKING } from './node/agents/rag/ingest/chunk.ts'
import { DEFAULT_PARSE_LIMITS } from './node/agents/rag/ingest/formats/format.ts'
import { readdirSync } from 'node:fs'
let n=0
const parse=createFileParser({maxFileBytes:1e8,maxStreamedBytes:1e10,chunking:DEFAULT_CHUNKING,limits:DEFAULT_PARSE_LIMITS,memoryBytes:1e9},{document:async()=>{n++},problem:async(...a)=>{console.log(a)}})
const t=performance.now()
for(const d of readdirSync('/tmp/lab-I/small10')) for(const f of readdirSync('/tmp/lab-I/small10/'+d)) await parse({path:`/tmp/lab-I/small10/${d}/${f}`,source:`${d}/${f}`})
console.log(n,((performance.now()-t)/n*1000).toFixed(0)+'us/file')
