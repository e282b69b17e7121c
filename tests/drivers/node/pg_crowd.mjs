// Connections of node's pg, for the scripts of what builds on it.
import pg from 'pg'
import { numbers } from './report.mjs'

export async function connections(count, body) {
  const crowd = numbers(count).map(() => new pg.Client())
  for (const one of crowd) one.on('error', () => {})
  try {
    for (const one of crowd) await one.connect()
    return await body(...crowd)
  } finally {
    for (const one of crowd) one.connection.stream.destroy()
  }
}
