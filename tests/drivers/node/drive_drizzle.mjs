// drizzle over pg and over postgres: what each of them has prepared, and by name.
import { eq, sql } from 'drizzle-orm'
import { drizzle as overPg } from 'drizzle-orm/node-postgres'
import { integer, jsonb, pgTable, serial, text } from 'drizzle-orm/pg-core'
import { drizzle as overPostgres } from 'drizzle-orm/postgres-js'
import pg from 'pg'
import postgres from 'postgres'
import { check, numbers, refused, ROUNDS, run, same, WORKERS } from './report.mjs'

const things = pgTable('things', {
  id: serial('id').primaryKey(), name: text('name').unique(), tags: text('tags').array(),
  more: jsonb('more')
})
const done = pgTable('done', { worker: integer('worker') })

const db = overPg(new pg.Pool({ max: WORKERS }))

async function emptied() {
  await db.execute(sql`
    CREATE TABLE IF NOT EXISTS things (id serial PRIMARY KEY, name text UNIQUE, tags text[], more jsonb)`)
  await db.delete(things)
}

check('values', async () => {
  await emptied()
  const thing = { name: 'Grüße ☂', tags: ['a', 'b'], more: { a: [1] } }
  const [{ id }] = await db.insert(things).values(thing).returning({ id: things.id })
  same(await db.select().from(things).where(eq(things.id, id)), [{ id, ...thing }])
})

check('errors', async () => {
  await emptied()
  for (let i = 0; i < 3; i++) {
    await refused('23505', db.insert(things).values([{ name: 'twice' }, { name: 'twice' }]))
    await refused('22012', db.execute(sql`SELECT 1/${0}::int`))
    same((await db.execute(sql`SELECT ${7}::int AS n`)).rows, [{ n: 7 }])
  }
})

check('transaction', async () => {
  await emptied()
  await db.transaction(async (own) => {
    await own.insert(things).values({ name: 'kept' })
    await refused('23505', own.transaction((deeper) => deeper.insert(things).values({ name: 'kept' })))
    same(await db.$count(things), 0)
  }, { isolationLevel: 'serializable' })
  same(await db.$count(things), 1)
})

check('named statements', async () => {
  await emptied()
  await db.insert(things).values(numbers(20).map((i) => ({ name: `thing ${i}` })))
  const byName = db.select({ name: things.name }).from(things)
    .where(eq(things.name, sql.placeholder('name'))).prepare('by_name')
  const found = await Promise.all(numbers(100).map((i) => byName.execute({ name: `thing ${i % 20}` })))
  same(found.map((rows) => rows[0].name), numbers(100).map((i) => `thing ${i % 20}`))
})

check('statement cache', async () => {
  const client = postgres({ max: 1 })
  try {
    const other = overPostgres(client)
    const found = await Promise.all(numbers(100).map((i) => other.execute(sql`SELECT ${i}::int AS n`)))
    same(found.map((rows) => rows[0].n), numbers(100))
  } finally {
    await client.end({ timeout: 0 })
  }
})

check('concurrency', async () => {
  await db.execute(sql`CREATE TABLE done (worker int)`)
  await Promise.all(numbers(WORKERS).map(async (worker) => {
    for (const turn of numbers(ROUNDS)) {
      await db.transaction(async (own) => {
        await own.insert(done).values({ worker })
        same((await own.execute(sql`SELECT ${worker * 1000 + turn}::int AS n`)).rows,
          [{ n: worker * 1000 + turn }])
      })
    }
  }))
  same(await db.$count(done), WORKERS * ROUNDS)
})

await run('drizzle', 'drizzle-orm')
