"""The documents that tests send."""

APPLICATION = """id version status state householdSize hardshipReason submittedAt
  counselor { id displayName }
  incomes { id source description gross net frequency monthly verifiedBy }
  expenses { id category description amount frequency monthly verifiedBy }
  debts { id creditor kind accountLast4 balance apr minimumPayment pastDue source eligibleForPlan }
  totals { monthlyIncome monthlyExpenses monthlyDebtPayments unsecuredBalance }"""
CONSUMER = """id version name { given middle family suffix } email phone dateOfBirth
  address { line1 line2 city state postalCode } ssnLast4"""


def _of_input(name: str, result: str) -> str:
    input_type = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation ($input: {input_type}!) {{ {name}(input: $input) {{ {result} }} }}"


START = _of_input("startApplication", f"{APPLICATION} consumer {{ {CONSUMER} }}")
UPDATE = _of_input("updateApplication", APPLICATION)
UPDATE_CONSUMER = _of_input("updateConsumer", CONSUMER)
SAVE = _of_input("saveBudget", APPLICATION)
SUBMIT = f"""mutation ($id: ID!, $expectedVersion: Int) {{
  submitApplication(id: $id, expectedVersion: $expectedVersion) {{ {APPLICATION} }} }}"""
WITHDRAW = f"""mutation ($id: ID!, $reason: String) {{
  withdrawApplication(id: $id, reason: $reason) {{ {APPLICATION} }} }}"""
CLAIM = f"mutation ($id: ID!) {{ claimApplication(id: $id) {{ {APPLICATION} }} }}"
RELEASE = "mutation ($id: ID!) { releaseApplication(id: $id) }"
REASSIGN = "mutation ($id: ID!, $to: ID!) { reassignApplication(id: $id, to: $to) }"
RETURN = f"""mutation ($id: ID!, $reason: String!) {{
  returnApplication(id: $id, reason: $reason) {{ {APPLICATION} }} }}"""
CLOSE = f"""mutation ($id: ID!, $reason: String!) {{
  closeApplication(id: $id, reason: $reason) {{ {APPLICATION} }} }}"""
NOTE = """mutation ($id: ID!, $text: String!) {
  addNote(applicationId: $id, text: $text) { id text author { id kind } createdAt } }"""
CONSENT = _of_input(
    "recordConsent",
    "id purpose textVersion textSha256 givenBy { id } givenAt expiresAt usedAt sourceIp",
)
PULL = _of_input(
    "pullCreditReport",
    """id applicationId bureau kind hit pulledAt score { model value factors { rank code } }
    summary { tradelineCount revolving { balance percentAvailable } total { balance } }
    tradelines { creditor balance openedOn remarks } collections { creditor } alerts
    inquiries { subscriber date } publicRecords { kind }""",
)
IMPORT = f"mutation ($id: ID!) {{ importDebts(creditReportId: $id) {{ {APPLICATION} }} }}"
BANK = """id institution status lastSyncedAt syncProgress hasNewAccounts
  accounts { id name mask type subtype current available limit }"""
LINK_TOKEN = """mutation ($id: ID!, $connection: ID) {
  createBankLinkToken(applicationId: $id, connectionId: $connection) { token expiresAt } }"""
CONNECT = _of_input("connectBank", BANK)
SYNC = f"mutation ($id: ID!) {{ syncBank(id: $id) {{ {BANK} }} }}"
DISCONNECT = f"mutation ($id: ID!) {{ disconnectBank(id: $id) {{ {BANK} }} }}"
READ_BANK = f"query ($id: ID!) {{ bankConnection(id: $id) {{ {BANK} }} }}"
TRANSACTIONS = """query ($id: ID!, $first: Int, $after: String, $from: AWSDate, $to: AWSDate) {
  node(id: $id) { ... on BankAccount {
    transactions(first: $first, after: $after, from: $from, to: $to) {
      edges { cursor node { id date name merchant amount category pending } }
      pageInfo { hasNextPage hasPreviousPage endCursor } } } } }"""
PROPOSAL = """id kind state source lineId label incomeSource expenseCategory debtKind accountLast4
  amount statedAmount frequency monthly statedMonthly apr pastDue reasons
  conflicts { field source figure other otherFigure }"""
PROPOSALS = f"query ($id: ID!) {{ application(id: $id) {{ version proposals {{ {PROPOSAL} }} }} }}"
ACCEPT = _of_input("acceptProposals", APPLICATION)
CREATE_KEY = _of_input(
    "createApiKey",
    "apiKey { id name prefix scopes createdBy { id } createdAt expiresAt revokedAt } secret",
)
ROTATE_KEY = """mutation ($id: ID!, $overlapHours: Int) {
  rotateApiKey(id: $id, overlapHours: $overlapHours) {
    apiKey { id name scopes createdAt expiresAt } secret } }"""
REVOKE_KEY = "mutation ($id: ID!) { revokeApiKey(id: $id) { id revokedAt } }"
GRANT = """id status grantee { id } scope subject reason requestedAt expiresAt
  approvedBy { id }"""
REQUEST = _of_input("requestAccess", GRANT)
APPROVE = f"mutation ($id: ID!) {{ approveAccess(id: $id) {{ {GRANT} }} }}"
REVOKE = f"mutation ($id: ID!) {{ revokeAccess(id: $id) {{ {GRANT} }} }}"

GRANTS = f"""query ($first: Int, $after: String, $live: Boolean) {{
  accessGrants(first: $first, after: $after, live: $live) {{
    edges {{ cursor node {{ {GRANT} }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
READ = f"query ($id: ID!) {{ application(id: $id) {{ {APPLICATION} }} }}"
READ_CONSUMER = f"query ($id: ID!) {{ consumer(id: $id) {{ {CONSUMER} }} }}"
LIST = """query ($first: Int, $after: String, $last: Int, $before: String,
  $filter: ApplicationFilter) {
  applications(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    edges { cursor node { id status } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
QUEUE = """query ($first: Int, $after: String) { queue(first: $first, after: $after) {
  edges { cursor node { id applicationId submittedAt state householdSize unsecuredBalance } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
MATCH = f"""query ($match: ConsumerMatch!, $first: Int, $after: String) {{
  consumers(match: $match, first: $first, after: $after) {{
    edges {{ cursor node {{ {CONSUMER} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
SETTINGS = """mutation ($input: UpdateSettingsInput!) {
  updateSettings(input: $input) { id version } }"""
ANALYSIS = """id at netMonthlyIncome monthlyExpenses available cushion disposable
  contractualMinimums eligibleBalance debtToIncome recommendation reasons { code text }"""
PLAN = """id applicationId version status createdAt strategy monthlyDeposit months totalInterest
  totalFees totalPaid debtFreeOn withoutPlan { months totalInterest }
  fees { name amount timing waived } warnings acceptedAt
  creditors { debt { id creditor balance } participation planApr payment months totalInterest }
  agreement { html sha256 }"""
ANALYZE = f"mutation ($id: ID!) {{ analyzeApplication(id: $id) {{ {ANALYSIS} }} }}"
PROPOSE = _of_input("proposePlan", PLAN)
ACCEPT = _of_input("acceptPlan", PLAN)
DECLINE = f"""mutation ($id: ID!, $reason: String) {{
  declinePlan(id: $id, reason: $reason) {{ {PLAN} }} }}"""
READ_PLAN = f"query ($id: ID!) {{ plan(id: $id) {{ {PLAN} }} }}"
SCHEDULE = """query ($id: ID!, $first: Int = 60, $after: String) { plan(id: $id) {
  schedule(first: $first, after: $after) {
    edges { cursor node { month dueOn creditor payment interest principal balance } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
PLANS = f"""query ($id: ID!) {{ application(id: $id) {{ id status
  analysis {{ {ANALYSIS} }} plans {{ id status }} }} }}"""
ANNOUNCE = """mutation ($input: CreateDocumentUploadInput!) {
  createDocumentUpload(input: $input) {
    document { id status fileName mediaType bytes sha256 downloadUrl uploadedAt }
    url headers expiresAt } }"""
INVITE = """mutation ($id: ID!) {
  createInvitation(consumerId: $id) { code consumerId expiresAt } }"""
ACCEPT = """mutation ($code: String!, $born: AWSDate) {
  acceptInvitation(code: $code, dateOfBirth: $born) { id name { family } } }"""
COMPLETE = """mutation ($id: ID!) {
  completeDocumentUpload(id: $id) { id status sha256 rejection } }"""
