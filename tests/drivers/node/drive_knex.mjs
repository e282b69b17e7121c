// knex over pg: its pool, builder, schema and migrations with their lock, streams.
import knexOf from 'knex'
import { check, numbers, refused, ROUNDS, run, same, WORKERS } from './report.mjs'

const knex = knexOf({ client: 'pg', connection: {}, pool: { min: 0, max: WORKERS } })

check('values', async () => {
  await knex.schema.createTable('things', (table) => {
    table.increments('id')
    table.text('name').unique()
    table.jsonb('more')
    table.specificType('tags', 'text[]')
  })
  const thing = { name: 'Grüße ☂', more: { a: [1] }, tags: ['a', 'b'] }
  const [{ id }] = await knex('things').insert(thing).returning('id')
  same(await knex('things').where({ id }).first(), { id, ...thing })
  same(await knex('things').where({ id }).update({ name: 'other' }), 1)
  same(await knex('things').del(), 1)
})

check('errors', async () => {
  await knex.schema.createTable('unique_numbers', (table) => table.integer('n').primary())
  for (let i = 0; i < 3; i++) {
    await refused('23505', knex('unique_numbers').insert([{ n: 1 }, { n: 1 }]))
    await refused('22012', knex.raw('SELECT 1/?::int', [0]))
    same((await knex.raw('SELECT ?::int AS n', [7])).rows, [{ n: 7 }])
  }
})

check('transaction', async () => {
  await knex.schema.createTable('kept', (table) => table.integer('n').primary())
  await knex.transaction(async (own) => {
    await own('kept').insert({ n: 1 })
    await refused('23505', own.transaction((deeper) => deeper('kept').insert({ n: 1 })))
    same(await knex('kept').count(), [{ count: '0' }])
  }, { isolationLevel: 'serializable' })
  same(await knex('kept').count(), [{ count: '1' }])
})

check('batch', async () => {
  await knex.schema.createTable('batched', (table) => table.integer('n'))
  await knex.batchInsert('batched', numbers(500).map((n) => ({ n })), 50)
  same(await knex('batched').sum('n'), [{ sum: '124750' }])
})

check('migrations', async () => {
  const migrationSource = {
    getMigrations: async () => ['one', 'two'],
    getMigrationName: (name) => name,
    getMigration: async (name) => ({
      up: (own) => own.schema.createTable(`made_by_${name}`, (table) => table.integer('n')),
      down: (own) => own.schema.dropTable(`made_by_${name}`)
    })
  }
  same((await knex.migrate.latest({ migrationSource }))[1], ['one', 'two'])
  same((await knex.migrate.rollback({ migrationSource }))[1], ['two', 'one'])
  same(await knex.schema.hasTable('made_by_one'), false)
})

check('concurrency', async () => {
  await knex.schema.createTable('done', (table) => table.integer('worker'))
  await Promise.all(numbers(WORKERS).map(async (worker) => {
    for (const turn of numbers(ROUNDS)) {
      await knex.transaction(async (own) => {
        await own('done').insert({ worker })
        const { rows } = await own.raw('SELECT ?::int AS n', [worker * 1000 + turn])
        same(rows, [{ n: worker * 1000 + turn }])
      })
    }
  }))
  same(await knex('done').count(), [{ count: String(WORKERS * ROUNDS) }])
})

await run('knex', 'knex')
