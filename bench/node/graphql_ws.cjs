// graphql-ws on ws: one subscription field, an event for each POST, nothing authenticated or stored.
'use strict'

const { createServer } = require('node:http')
const { EventEmitter, on } = require('node:events')
const { buildSchema } = require('graphql')
const { WebSocketServer } = require('ws')
const { useServer } = require('graphql-ws/use/ws')

const port = Number(process.argv[2])
const schema = buildSchema(`
  type Query { ok: Boolean }
  type Application { id: ID! version: Int! hardshipReason: String }
  type Subscription { onApplicationUpdated(id: ID): Application }
`)
const events = new EventEmitter()
events.setMaxListeners(0)
schema.getSubscriptionType().getFields().onApplicationUpdated.subscribe = async function* (_, { id }) {
  for await (const [told] of on(events, id)) yield { onApplicationUpdated: told }
}

let version = 0
const server = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => { body += chunk })
  request.on('end', () => {
    const { id, to } = JSON.parse(body)
    version += 1
    events.emit(id, { id, version, hardshipReason: to })
    response.setHeader('content-type', 'application/json')
    response.end('{"data":{}}')
  })
})
useServer({ schema }, new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false }))
server.listen(port, '127.0.0.1', 2048)
