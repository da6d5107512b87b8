import { startJobVillage, stopJobNodes } from '/work/main/test/helpers/job-nodes.ts'
import { stopMeshNodes } from '/work/main/test/helpers/mesh.ts'
const [node] = await startJobVillage([{ cores: 2 }])
await node!.models.add({ embedded: 'encoder' })
for (const params of JSON.parse(process.argv[2]!)) {
  const t = Date.now()
  let stage = '' 
  node!.mesh.events.subscribe((e: any) => { if (e.type === 'job:changed' && e.data.stage !== stage) { stage = e.data.stage; console.log('   ', ((Date.now() - t) / 1000).toFixed(1), stage, e.data.total) } })
  const job = await node!.jobs.submit({ kind: 'compress', params: { model: 'encoder', ...params } })
  const submitMs = Date.now() - t
  const end = await node!.jobs.wait(job.id, { signal: AbortSignal.timeout(400_000) })
  const r: any = end.result
  console.log(JSON.stringify(params), end.state, end.error, `submit ${submitMs} ms, all ${Date.now() - t} ms, ${end.total} tasks`)
  if (r) {
    const q = r.quality
    console.log(r.id, 'bpw', r.totals.bitsPerWeight.toFixed(3), 'ratio', r.totals.ratio.toFixed(3), 'rel', r.totals.relativeError.toFixed(4), 'kept', q.kept?.value.toFixed(4), q.scores && JSON.stringify({ g: q.scores.groupAccuracy, nn: q.scores.neighbourAgreement.value, sp: q.scores.spearman.value }), q.why)
    if (process.argv[3]) console.log(JSON.stringify(r.auto ?? null), JSON.stringify(r.auto?.losses, null, 1), r.tensors.map((t: any) => `${t.name} ${t.codec} ${t.bitsPerWeight?.toFixed(2)} ${t.relativeError?.toFixed(3)} ${t.runtime}`).join('\n'))
  }
}
await stopJobNodes()
await stopMeshNodes()
