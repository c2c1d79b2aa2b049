"""The root of all mutations: the fields of each subject, in the order of the contract."""

from schema.declare import object_type
from schema.mutations import access, applications, banking, credit, documents, plans


@object_type(rule=None)
class Mutation:
    """All that can be changed. Each is done once for an Idempotency-Key."""

    start_application = applications.start_application
    update_application = applications.update_application
    update_consumer = applications.update_consumer
    save_budget = applications.save_budget
    submit_application = applications.submit_application
    withdraw_application = applications.withdraw_application
    claim_application = applications.claim_application
    release_application = applications.release_application
    reassign_application = applications.reassign_application
    return_application = applications.return_application
    close_application = applications.close_application
    add_note = applications.add_note
    record_consent = applications.record_consent
    pull_credit_report = credit.pull_credit_report
    import_debts = credit.import_debts
    create_bank_link_token = banking.create_bank_link_token
    connect_bank = banking.connect_bank
    sync_bank = banking.sync_bank
    disconnect_bank = banking.disconnect_bank
    accept_proposals = banking.accept_proposals
    create_document_upload = documents.create_document_upload
    complete_document_upload = documents.complete_document_upload
    analyze_application = plans.analyze_application
    propose_plan = plans.propose_plan
    accept_plan = plans.accept_plan
    decline_plan = plans.decline_plan
    create_api_key = access.create_api_key
    rotate_api_key = access.rotate_api_key
    revoke_api_key = access.revoke_api_key
    request_access = access.request_access
    approve_access = access.approve_access
    revoke_access = access.revoke_access
    update_settings = access.update_settings
    create_invitation = access.create_invitation
    accept_invitation = access.accept_invitation
