// GraphQL Yoga on Node's own HTTP server, as it is shipped, without its log.
'use strict'

const { createServer } = require('node:http')
const { createSchema, createYoga } = require('graphql-yoga')
const { keepAliveMs, port, resolvers, typeDefs } = require('./given.cjs')

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false })
const server = createServer({ keepAliveTimeout: keepAliveMs }, yoga)
server.listen({ port, host: '127.0.0.1', backlog: 2048 })
