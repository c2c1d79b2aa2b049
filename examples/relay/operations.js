// What the program asks. relay-compiler reads this file and writes an artifact for each operation
// into __generated__, which main.mjs imports; the file itself is never run.
import { graphql } from "relay-runtime";

graphql`
  query operationsFirstQuery($count: Int!, $cursor: String) {
    applications(first: $count, after: $cursor) @connection(key: "operations_applications") {
      edges { node { id status hardshipReason } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

graphql`
  subscription operationsUpdatedSubscription($id: ID) {
    onApplicationUpdated(id: $id) { id version hardshipReason }
  }
`;

graphql`
  mutation operationsUpdateMutation($input: UpdateApplicationInput!) {
    updateApplication(input: $input) { id version }
  }
`;
