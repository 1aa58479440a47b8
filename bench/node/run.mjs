// The script one would write instead: csv-parse (streaming), iconv-lite, undici, bounded concurrency. It keeps nothing.
// usage: node run.mjs FILE URL IN_FLIGHT [ANSWERS]
import fs from 'node:fs'
import path from 'node:path'
import { parse } from 'csv-parse'
import iconv from 'iconv-lite'
import { Agent, request } from 'undici'

const [, , file, url, inflight = '16', answers = '/dev/null'] = process.argv
const agent = new Agent({ connections: +inflight, pipelining: 1 })
const out = fs.createWriteStream(answers)
const name = path.basename(file)

function date (s) {
  const m = /^(\d\d)\/(\d\d)\/(\d{4})$/.exec(s)
  if (!m) throw new Error('date')
  return `${m[3]}-${m[2]}-${m[1]}`
}

function cents (s) {
  const m = /^(\d+),(\d\d)$/.exec(s.replace(/[ \u00a0\u202f]/g, ''))
  if (!m) throw new Error('amount')
  return +m[1] * 100 + +m[2]
}

function body (r, line) {
  return {
    reference: r['N° facture'],
    part: '',
    amount: { value: cents(r['Montant TTC']), currency: r.Devise },
    issued_on: date(r['Date facture']),
    due_on: date(r['Date échéance']),
    label: r['Libellé'],
    channel: 'link',
    customer: {
      id: r['Code client'],
      name: r['Raison sociale'],
      email: r['E-mail'],
      phone: r['Téléphone'],
      address: { line1: r.Adresse, zip: r['Code postal'], city: r.Ville, country: r.Pays }
    },
    metadata: { order: r['Référence commande'], mode: r['Mode de règlement'] },
    source: { flow: 'f0', file: name, line }
  }
}

let sent = 0, failed = 0, rejected = 0, active = 0, wake = null, line = 1

async function post (p) {
  try {
    const headers = { 'content-type': 'application/json', 'idempotency-key': p.reference.padStart(16, '0') }
    const answer = await request(url, { method: 'POST', dispatcher: agent, headers, body: JSON.stringify(p) })
    await answer.body.dump()
    const ok = answer.statusCode < 300
    ok ? sent++ : failed++
    out.write(`${p.reference};${p.source.line};${ok ? 'SENT' : 'FAILED'};${answer.statusCode};\r\n`)
  } catch (e) {
    failed++
    out.write(`${p.reference};${p.source.line};FAILED;0;${e.message}\r\n`)
  }
  active--
  if (wake) { wake(); wake = null }
}

const room = () => new Promise(resolve => { wake = resolve })
const rows = fs.createReadStream(file, { highWaterMark: 1 << 18 }).pipe(iconv.decodeStream('win1252')).pipe(parse({ delimiter: ';', columns: true }))
for await (const r of rows) {
  line++
  let p
  try {
    p = body(r, line)
  } catch (e) {
    rejected++
    out.write(`${r['N° facture']};${line};REJECTED;0;${e.message}\r\n`)
    continue
  }
  while (active >= +inflight) await room()
  active++
  post(p)
}
while (active > 0) await room()
out.end()
await agent.close()
console.log(`node: ${sent} sent, ${rejected} rejected, ${failed} failed`)
