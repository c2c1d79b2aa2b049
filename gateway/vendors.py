"""The vendors of each agency, found for stage 5."""

from domain.agencies import Agency
from gateway.banks import Banks
from gateway.bureaus import Bureaus
from resolvers.context import Vendors


class AgencyVendors:
    """Finds an agency's vendors among those that are opened for all agencies."""

    def __init__(self, bureaus: Bureaus, banks: Banks) -> None:
        self._bureaus = bureaus
        self._banks = banks

    def of(self, agency: Agency) -> Vendors:
        """Return the agency's vendors."""
        return Vendors(credit=self._bureaus.of(agency), banks=self._banks.of(agency))
