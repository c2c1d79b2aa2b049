// Apollo Client 4 with the links of AWS, which speak AppSync's realtime protocol.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { AUTH_TYPE, createAuthLink } from "aws-appsync-auth-link";
import { CONTROL_EVENTS_KEY, createSubscriptionHandshakeLink } from "aws-appsync-subscription-link";
import { filter } from "rxjs";

const url = "@url@";
const region = "@region@";
const auth = { type: AUTH_TYPE.AMAZON_COGNITO_USER_POOLS, jwtToken: accessToken };

/** connected: called when the gateway has taken a subscription, and after each interruption. */
export function connect({ connected } = {}) {
  const telling = new ApolloLink((operation, forward) => {
    operation.setContext({ controlMessages: { [CONTROL_EVENTS_KEY]: true } });
    return forward(operation).pipe(
      filter(({ extensions }) => {
        const isEvent = extensions?.controlMsgType === undefined;
        if (extensions?.controlMsgType === "CONNECTED") connected?.();
        return isEvent;
      }),
    );
  });
  return new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([
      telling,
      createAuthLink({ url, region, auth }),
      createSubscriptionHandshakeLink({ url, region, auth }, new HttpLink({ uri: url })),
    ]),
  });
}
