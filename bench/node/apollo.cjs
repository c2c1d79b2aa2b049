// Apollo Server with its standalone server, as it is shipped.
'use strict'

const { ApolloServer } = require('@apollo/server')
const { startStandaloneServer } = require('@apollo/server/standalone')
const { port, resolvers, typeDefs } = require('./given.cjs')

const server = new ApolloServer({ typeDefs, resolvers })
startStandaloneServer(server, { listen: { port, host: '127.0.0.1' } })
