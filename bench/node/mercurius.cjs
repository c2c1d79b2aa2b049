// Mercurius on Fastify; an operation is compiled by graphql-jit once it has been asked for.
'use strict'

const fastify = require('fastify')
const mercurius = require('mercurius')
const { keepAliveMs, port, resolvers, typeDefs } = require('./given.cjs')

const app = fastify({ logger: false, keepAliveTimeout: keepAliveMs })
app.register(mercurius, { schema: typeDefs, resolvers, jit: 1 })
app.listen({ port, host: '127.0.0.1', backlog: 2048 })
