// pg-copy-streams: COPY in both directions as streams, which end early, too.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { connections } from './pg_crowd.mjs'
import { check, numbers, refused, run, same, WORKERS } from './report.mjs'

const wide = 'x'.repeat(1000)

async function text(stream) {
  let all = ''
  for await (const part of stream) all += part
  return all
}

check('copy in', () => connections(1, async (one) => {
  await one.query('CREATE TABLE copied (n int, t text)')
  const lines = numbers(5000).map((i) => `${i}\t${wide}\n`)
  const copy = one.query(copyFrom('COPY copied FROM STDIN'))
  await pipeline(Readable.from(lines), copy)
  same(copy.rowCount, 5000)
  same((await one.query('SELECT count(*)::int AS n FROM copied')).rows, [{ n: 5000 }])
}))

check('copy out', () => connections(1, async (one) => {
  const copy = one.query(copyTo(`COPY (SELECT n, '${wide}' FROM generate_series(1, 5000) n) TO STDOUT`))
  same(await text(copy), numbers(5000).map((i) => `${i + 1}\t${wide}\n`).join(''))
  same((await one.query('SELECT 7 AS n')).rows, [{ n: 7 }])
}))

check('errors', () => connections(1, async (one) => {
  await one.query('CREATE TABLE numbers (n int)')
  for (let i = 0; i < 3; i++) {
    const broken = one.query(copyFrom('COPY numbers FROM STDIN'))
    await refused('22P02', pipeline(Readable.from(['1\n', 'no number\n', '3\n']), broken))
    const failing = one.query(copyTo('COPY (SELECT 1/(n - 50) FROM generate_series(1, 90) n) TO STDOUT'))
    await refused('22012', text(failing))
    same((await one.query('SELECT count(*)::int AS n FROM numbers')).rows, [{ n: 0 }])
  }
}))

// A stream that breaks sends CopyFail.
check('copy broken off', () => connections(1, async (one) => {
  await one.query('CREATE TABLE broken_off (n int)')
  const copy = one.query(copyFrom('COPY broken_off FROM STDIN'))
  async function * breaking() {
    yield '1\n'
    throw new Error('broken off')
  }
  await pipeline(Readable.from(breaking()), copy).catch((error) => same(error.message, 'broken off'))
  same((await one.query('SELECT count(*)::int AS n FROM broken_off')).rows, [{ n: 0 }])
}))

check('concurrency', () => connections(WORKERS, async (...crowd) => {
  await crowd[0].query('CREATE TABLE done (worker int)')
  await Promise.all(crowd.map(async (one, i) => {
    const lines = numbers(200).map(() => `${i}\n`)
    await pipeline(Readable.from(lines), one.query(copyFrom('COPY done FROM STDIN')))
    same(await text(one.query(copyTo(`COPY (SELECT * FROM done WHERE worker = ${i}) TO STDOUT`))),
      lines.join(''))
  }))
}))

await run('pg-copy-streams', 'pg-copy-streams')
