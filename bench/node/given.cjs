// What every Node server of the bench is started with: port, data and schema; and how long its
// connections stay open, which is as long as those of the Python servers.
'use strict'

const { readFileSync } = require('node:fs')

const [port, dataFile, schemaFile] = process.argv.slice(2)
const applications = JSON.parse(readFileSync(dataFile, 'utf8'))
const byId = new Map(applications.map((item) => [item.id, item]))

module.exports = {
  port: Number(port),
  typeDefs: readFileSync(schemaFile, 'utf8'),
  resolvers: {
    Query: {
      application: (_root, { id }) => byId.get(id) ?? null,
      applications: (_root, { first }) => applications.slice(0, first)
    }
  },
  keepAliveMs: 75_000
}
