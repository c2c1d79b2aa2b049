// Signing in at the user pool of "@agency@", by SRP; tokens are renewed as they end.
import { Amplify } from "aws-amplify";
import { fetchAuthSession } from "aws-amplify/auth";

Amplify.configure({ Auth: "@auth@" });

export async function accessToken() {
  const { tokens } = await fetchAuthSession();
  return tokens.accessToken.toString();
}
