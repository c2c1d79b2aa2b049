"""Settings under which an agency's adapter speaks to the simulator: development and tests."""

from integrations.transunion.certificates import CertificateFiles
from integrations.transunion.settings import TransUnionSettings
from integrations.transunion.simulator import SimulatorAccount


def simulator_settings(
    url: str, certificates: CertificateFiles, account: SimulatorAccount | None = None
) -> TransUnionSettings:
    """Return settings that the simulator at `url` accepts."""
    account = account or SimulatorAccount()
    return TransUnionSettings(
        url=url,
        system_id=account.system_id,
        system_password=account.system_password,
        industry_code=account.industry_code,
        member_code_soft=account.member_code_soft,
        member_code_hard=account.member_code_hard,
        inquiry_prefix=account.inquiry_prefix,
        password=account.password,
        certificate_file=certificates.client_certificate,
        key_file=certificates.client_key,
        ca_file=certificates.ca_certificate,
    )
