// postgres (porsager): everything prepared and pipelined by itself, a hundred deep on a connection.
import { once } from 'node:events'
import net from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import postgres from 'postgres'
import {
  ACTIVE_SLEEP, CANCEL_END, check, CROWD, inTime, numbers, refused, ROUNDS, run, same, seen, WORKERS
} from './report.mjs'

// It takes the address from the environment. Unnamed statements, unless the check is about names.
async function using(settings, body) {
  const sql = postgres({ max: 1, prepare: false, onnotice: () => {}, ...settings })
  try {
    return await body(sql)
  } finally {
    await sql.end({ timeout: 0 })
  }
}

check('values', () => using({}, async (sql) => {
  const moment = new Date('2024-02-29T12:30:00Z')
  await sql`SELECT 1`  // it learns the types of arrays when it connects
  const [row] = await sql`
    SELECT ${7}::int AS i, ${'1099511627776'}::bigint AS b, ${'Grüße ☂'} AS t,
           ${Buffer.from([0, 255])}::bytea AS y, ${'1.50'}::numeric AS n,
           ${moment}::timestamptz AS m, ${null}::text AS z, ${true}::bool AS o,
           ${sql.array([1, 2])}::int[] AS a, ${0.1}::float8 AS f, ${sql.json({ a: [1] })}::jsonb AS j`
  same({ ...row }, {
    i: 7, b: '1099511627776', t: 'Grüße ☂', y: Buffer.from([0, 255]), n: '1.50', m: moment, z: null,
    o: true, a: [1, 2], f: 0.1, j: { a: [1] }
  })
}))

check('large values', () => using({}, async (sql) => {
  const text = '☂x'.repeat(1_000_000)
  const [row] = await sql`SELECT ${text} AS t`
  same(row.t, text)
}))

check('simple protocol', () => using({}, async (sql) => {
  const [one, two] = await sql`SELECT 1 AS n; SELECT 2 AS n`.simple()
  same([one[0].n, two[0].n], [1, 2])
}))

check('errors', () => using({}, async (sql) => {
  for (let i = 0; i < 3; i++) {
    await refused('22012', sql`SELECT 1/${0}::int`)
    await refused('42601', sql`SELEKT`)
    await refused('22012', sql`SELECT 1/0`.simple())
    same((await sql`SELECT 7 AS n`)[0].n, 7)
  }
}))

check('transaction', () => using({ max: 2 }, async (sql) => {
  await sql`CREATE TABLE kept (n int)`
  await sql.begin(async (own) => {
    await own`INSERT INTO kept VALUES (1)`
    await refused('22012', own.savepoint(async (deeper) => {
      await deeper`INSERT INTO kept VALUES (2)`
      await deeper`SELECT 1/0`
    }))
    same((await sql`SELECT n FROM kept`).length, 0)
  })
  await refused('22012', sql.begin((own) => [own`INSERT INTO kept VALUES (3)`, own`SELECT 1/0`]))
  same((await sql`SELECT n FROM kept`).map((row) => row.n), [1])
}))

// One client for each of the crowd, with a connection each.
async function crowd(settings, body) {
  const clients = numbers(CROWD).map(() =>
    postgres({ max: 1, onnotice: () => {}, ...settings }))
  try {
    await body(clients)
  } finally {
    await Promise.all(clients.map((sql) => sql.end({ timeout: 0 })))
  }
}

// Each with a text of its own: another one's statement would be a wrong answer.
async function allAtOnce(clients) {
  await Promise.all(clients.map(async (sql, i) => {
    for (const turn of numbers(ROUNDS)) {
      const [row] = await sql`SELECT ${sql.unsafe(String(i))} AS n, ${`turn ${turn}`} AS t`
      same({ ...row }, { n: i, t: `turn ${turn}` })
    }
  }))
}

check('unnamed statements', () => crowd({ prepare: false }, allAtOnce))
check('statement cache', () => crowd({ prepare: true }, allAtOnce))

function hundredAtOnce(settings) {
  return using({ max: 1, ...settings }, async (sql) => {
    const answers = await Promise.all(numbers(100).map((i) => sql`SELECT ${i}::int AS n`))
    same(answers.map((rows) => rows[0].n), numbers(100))
    const mixed = numbers(100).map((i) => i % 10 ? sql`SELECT ${i}::int AS n` : sql`SELECT 1/${0}::int`)
    const came = await Promise.allSettled(mixed)
    same(came.map((one) => one.value?.[0].n ?? one.reason.code),
      numbers(100).map((i) => i % 10 ? i : '22012'))
  })
}

check('pipeline', () => hundredAtOnce({ prepare: false }))
check('pipeline of named statements', () => hundredAtOnce({ prepare: true }))

check('server-side cursor', () => using({}, async (sql) => {
  const found = []
  for await (const rows of sql`SELECT generate_series(1, ${1000}::int) AS n`.cursor(100)) {
    found.push(...rows.map((row) => row.n))
  }
  same(found, numbers(1000).map((i) => i + 1))
  for await (const [row] of sql`SELECT generate_series(1, 9) AS n`.cursor()) {
    same(row.n, 1)
    break
  }
  same((await sql`SELECT 7 AS n`)[0].n, 7)
}))

check('copy in', () => using({}, async (sql) => {
  await sql`CREATE TABLE copied (n int)`
  const lines = numbers(1000).map((i) => `${i}\n`)
  await pipeline(Readable.from(lines), await sql`COPY copied FROM STDIN`.writable())
  same((await sql`SELECT count(*)::int AS n FROM copied`)[0].n, 1000)
}))

check('copy out', () => using({}, async (sql) => {
  let text = ''
  for await (const part of await sql`COPY (SELECT generate_series(1, 1000)) TO STDOUT`.readable()) {
    text += part
  }
  same(text, numbers(1000).map((i) => `${i + 1}\n`).join(''))
  same((await sql`SELECT 7 AS n`)[0].n, 7)
}))

// It does not tell when a cancel's connection has ended, which is the last that was opened.
const ends = []
async function socket() {
  const made = net.connect(process.env.PGPORT, process.env.PGHOST)
  ends.push(once(made, 'close'))
  await once(made, 'connect')
  return made
}

check('cancel', () => using({ max: 2, socket }, async (sql) => {
  for (let i = 0; i < 3; i++) {
    const asleep = sql`SELECT pg_sleep(20)`.execute()
    await seen(() => sql.unsafe(ACTIVE_SLEEP))
    asleep.cancel()
    await refused('57014', asleep)
    await inTime(ends.at(-1), CANCEL_END)
    same((await sql`SELECT 7 AS n`)[0].n, 7)
  }
}))

check('concurrency', () => using({ max: WORKERS }, async (sql) => {
  await sql`CREATE TABLE done (worker int)`
  await Promise.all(numbers(WORKERS).map(async (worker) => {
    for (const turn of numbers(ROUNDS)) {
      await sql.begin(async (own) => {
        await own`INSERT INTO done VALUES (${worker})`
        const [row] = await own`SELECT ${worker * 1000 + turn}::int AS n`
        same(row.n, worker * 1000 + turn)
      })
    }
  }))
  same((await sql`SELECT count(*)::int AS n FROM done`)[0].n, WORKERS * ROUNDS)
}))

check('startup settings', () => using({ connection: { work_mem: '1234kB' } }, async (sql) => {
  same((await sql`SHOW work_mem`)[0].work_mem, '1234kB')
}))

check('listen', () => using({}, async (sql) => {
  const came = new Promise((resolve) => sql.listen('news', resolve).then(
    () => sql.notify('news', 'hello'), resolve))
  same(await inTime(came, 'the notification'), 'hello')
}))

await run('node postgres', 'postgres')
